"""What a scan says of each distribution, sound or broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.scan.environment import Environment, one

from fastenv.scan.distributions import find
from fastenv.scan.inventory import EntryPoint, Origin, SearchPath

if TYPE_CHECKING:
    from collections.abc import Callable


def info_of(environment: Environment, name: str, version: str = "1.0") -> Path:
    return environment.site / f"{name}-{version}.dist-info"


def broken(environment: Environment) -> dict[str, tuple[str, ...]]:
    return {item.name: item.reasons for item in environment.scan().broken}


def test_everything_of_one_distribution(environment: Environment) -> None:
    """Name, version, tags, installer, requirements, entry points, extent."""
    wheel = environment.wheel(
        "Demo.Pkg",
        "1.0+local.1",
        files={"demo.py": "x = 1\n", "deep/er/mod.py": "y\n"},
        tags=["py2.py3-none-any"],
        build="3",
        requires=["other>=2; python_version > '3'", "more[extra] (<3)"],
        requires_python=">=3.8",
        entry_points={"console_scripts": {"demo": "demo:main"}, "demo.plugins": {"a": "demo"}},
    )
    environment.install(wheel)
    found = environment.scan_one("demo-pkg")
    assert (found.display_name, found.version, found.layer) == ("Demo.Pkg", "1.0+local.1", "env")
    assert found.location == str(environment.site)
    assert found.metadata_path == str(info_of(environment, "demo_pkg", "1.0+local.1"))
    assert (found.format, found.installer, found.requested) == ("dist-info", "uv", True)
    assert (found.tags, found.build) == (("py2-none-any", "py3-none-any"), "3")
    assert found.requires == ("other>=2; python_version > '3'", "more[extra] (<3)")
    assert found.requires_python == ">=3.8"
    assert EntryPoint("demo.plugins", "a", "demo") in found.entry_points
    rows = (Path(found.metadata_path) / "RECORD").read_text().splitlines()
    assert found.files == len(rows)
    assert found.size == sum(int(row.rpartition(",")[2] or 0) for row in rows)
    assert not found.problems


def test_byte_code_is_not_counted(make_environment: Callable[..., Environment]) -> None:
    """pip and uv installations of one wheel differ in nothing that a copy is made by."""
    by_pip, by_uv = make_environment("one"), make_environment("two")
    wheel = by_pip.wheel("demo")
    by_pip.install_by_pip(wheel)
    by_uv.install(wheel)
    one_, two = by_pip.scan_one("demo"), by_uv.scan_one("demo")
    assert (one_.files_digest, one_.tags) == (two.files_digest, two.tags)
    assert by_pip.scan().strays == ()


def test_requested(environment: Environment) -> None:
    """REQUESTED tells what a user asked for from what came along."""
    environment.install(environment.wheel("demo"))
    (info_of(environment, "demo") / "REQUESTED").unlink()
    assert not environment.scan_one("demo").requested


URL = "https://index.example/demo"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, Origin("index")),
        (
            {
                "url": f"{URL}.git",
                "vcs_info": {"vcs": "git", "commit_id": "c0ffee"},
                "subdirectory": "py",
            },
            Origin("vcs", f"{URL}.git", vcs="git", commit="c0ffee", subdirectory="py"),
        ),
        (
            {
                "url": URL,
                "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "c"},
            },
            Origin("vcs", URL, vcs="git", commit="c", revision="main"),
        ),
        ({"url": "file:///src", "dir_info": {"editable": True}}, Origin("editable", "file:///src")),
        ({"url": "file:///src", "dir_info": {}}, Origin("local-dir", "file:///src")),
        (
            {"url": URL, "archive_info": {"hashes": {"sha256": "ab", "md5": "cd"}}},
            Origin("archive", URL, hashes=(("md5", "cd"), ("sha256", "ab"))),
        ),
        (
            {"url": URL, "archive_info": {"hash": "sha256=ab"}},
            Origin("archive", URL, hashes=(("sha256", "ab"),)),
        ),
        (
            {"url": "https://me:secret@index.example/d", "archive_info": {}},
            Origin("archive", "https://index.example/d"),
        ),
        (
            {"url": "https://files.example/d.whl?signature=secret", "archive_info": {}},
            Origin("archive", "https://files.example/d.whl"),
        ),
        (
            {"url": "ssh://git@host.example/d", "dir_info": {}},
            Origin("local-dir", "ssh://git@host.example/d"),
        ),
        (
            {"url": "https://${USER}:${PW}@host.example/d", "dir_info": {}},
            Origin("local-dir", "https://${USER}:${PW}@host.example/d"),
        ),
    ],
)
def test_origin(environment: Environment, content: object, expected: Origin) -> None:
    """direct_url.json in the words of PEP 610; no secret of a URL is kept."""
    environment.install(environment.wheel("demo"))
    file = info_of(environment, "demo") / "direct_url.json"
    file.unlink()
    if content is not None:
        file.write_text(json.dumps(content))
    assert environment.scan_one("demo").origin == expected


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"url": 1}', '{"url": "x"}', '{"url": "x", "dir_info": 1}']
)
def test_a_direct_url_that_is_none(environment: Environment, text: str) -> None:
    """Its origin is unknown, and the reason is given."""
    environment.install(environment.wheel("demo"))
    (info_of(environment, "demo") / "direct_url.json").write_text(text)
    found = environment.scan_one("demo")
    assert found.origin.kind == "unknown"
    assert "direct_url.json is not one of PEP 610" in found.problems[0]


def test_editable(environment: Environment, tmp_path: Path) -> None:
    """An editable without direct_url.json is known by its only file, a .pth."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "demo.py").touch()
    environment.install(environment.wheel("demo", files={"demo.pth": f"{source}\n"}))
    (info_of(environment, "demo") / "direct_url.json").unlink()
    found = environment.scan()
    assert one(found, "demo").origin == Origin("editable", f"file://{source}")
    assert found.strays == ()


def test_system_and_other_installers(environment: Environment) -> None:
    """What a package manager of the system installed is its own, whatever it lacks."""
    environment.install(environment.wheel("demo"))
    info = info_of(environment, "demo")
    (info / "INSTALLER").write_text("debian\n")
    for name in ("direct_url.json", "RECORD", "WHEEL"):
        (info / name).unlink()
    found = environment.scan_one("demo")
    assert (found.origin.kind, found.files_digest, found.problems) == ("system", None, ())


def test_conda(environment: Environment) -> None:
    """conda's records tell which distributions it installed, and which of them were asked for."""
    for name in ("demo", "later", "manual"):
        environment.install(environment.wheel(name))
        for file in ("direct_url.json", "REQUESTED", "uv_cache.json"):
            (info_of(environment, name) / file).unlink()
    (environment.site / "loose.py").touch()
    meta = environment.prefix / "conda-meta"
    meta.mkdir()
    below = f"lib/{environment.site.parent.name}/site-packages"
    for name, spec, files in (("demo", "demo >=1", ["loose.py"]), ("later", "None", [])):
        paths = [f"{below}/{name}-1.0.dist-info/METADATA", *(f"{below}/{file}" for file in files)]
        facts = {"version": "1.0", "build": "py_0", "build_number": 0, "subdir": "noarch"}
        record = {"name": name, **facts, "requested_spec": spec, "files": paths}
        (meta / f"{name}-1.0-py_0.json").write_text(json.dumps(record, indent=1))
    inventory = environment.scan()
    assert inventory.conda
    assert one(inventory, "demo").origin == Origin("conda", package="demo-1.0-py_0")
    assert one(inventory, "demo").requested
    assert not one(inventory, "later").requested
    assert one(inventory, "manual").origin.kind == "index"
    assert not any(stray.path.startswith(str(environment.site)) for stray in inventory.strays)


def damage(info: Path, what: str) -> None:
    """One way for a .dist-info to be broken."""
    metadata = info / "METADATA"
    match what.partition(" "):
        case ("without", _, name):
            (info / name).unlink()
        case ("binary", _, name):
            (info / name).write_bytes(b"\xff\xfe")
        case ("metadata", _, text):
            metadata.write_text(text.replace("|", "\n"))
        case ("record", _, text):
            record = info / "RECORD"
            record.write_text(record.read_text() + text + "\n")
        case _:
            raise AssertionError(what)


@pytest.mark.parametrize(
    ("what", "reason", "kept"),
    [
        ("without METADATA", "it has no METADATA", False),
        ("without RECORD", "it has no RECORD: which files are its own is not known", True),
        ("without WHEEL", "it has no WHEEL with tags: which wheel it came from is not known", True),
        ("binary METADATA", "its METADATA cannot be read: byte 0 is not UTF-8", False),
        ("binary RECORD", "its RECORD cannot be read: byte 0 is not UTF-8", True),
        (
            "binary entry_points.txt",
            "its entry_points.txt cannot be read: byte 0 is not UTF-8",
            True,
        ),
        (
            "metadata Version: 1.0|Home-page: x",
            "its METADATA has the name '', which is none",
            False,
        ),
        (
            "metadata Name: -bad-|Version: 1",
            "its METADATA has the name '-bad-', which is none",
            False,
        ),
        ("metadata Name: demo|Summary: x", "its METADATA has no version", False),
        ("metadata Name: demo|Version: one", "its version 'one' is not one of PEP 440", True),
        (
            "metadata Name: demo2|Version: 1.0",
            "its directory is of another name than its METADATA, which has demo2",
            True,
        ),
        (
            "metadata Name: demo|Version: 2.0",
            "its directory is of another version than its METADATA, which has 2.0",
            True,
        ),
        ("record nonsense", "1 lines of its RECORD are not rows of three", True),
        (
            "record /etc/passwd,,",
            "its RECORD names files outside of the environment: /etc/passwd",
            True,
        ),
        ("record demo/gone.py,,", "files that its RECORD names are gone: demo/gone.py", True),
    ],
)
def test_broken(environment: Environment, what: str, reason: str, *, kept: bool) -> None:
    """Each kind of damage is named; the distribution stays where its name and version are known."""
    environment.install(environment.wheel("demo", entry_points={"a": {"b": "c"}}))
    damage(info_of(environment, "demo"), what)
    inventory = environment.scan()
    (item,) = inventory.broken
    assert reason in item.reasons
    assert item.path == str(info_of(environment, "demo"))
    assert [it.problems for it in inventory.distributions] == [item.reasons] * kept


def test_an_empty_dist_info_is_named(environment: Environment) -> None:
    """What an uninstall left is broken, not passed over; a file of that name too."""
    info_of(environment, "Left.Over").mkdir()
    info_of(environment, "file").touch()
    found = broken(environment)
    assert found["left-over"] == ("it has no METADATA",)
    assert found["file"] == ("it cannot be read: Not a directory",)


def test_leftovers_of_pip(environment: Environment) -> None:
    """pip's ~ directories are named as what they are."""
    (environment.site / "~emo").mkdir()
    (environment.site / "~emo" / "a.py").touch()
    (environment.site / "~emo-1.0.dist-info").mkdir()
    (environment.site / "~emo-1.0.dist-info" / "METADATA").touch()
    inventory = environment.scan()
    assert {(Path(item.path).name, item.kind) for item in inventory.strays} == {
        ("~emo", "leftover"),
        ("~emo-1.0.dist-info", "leftover"),
    }
    assert inventory.broken == ()


def test_two_versions_in_one_directory(environment: Environment) -> None:
    """The one whose files are there counts, not the newer and not the first by name."""
    environment.install(environment.wheel("demo", "1.10", files={"demo.py": "new\n"}))
    shutil.copytree(info_of(environment, "demo", "1.10"), environment.prefix / "kept")
    environment.install(environment.wheel("demo", "1.9", files={"demo.py": "old\n"}))
    shutil.copytree(environment.prefix / "kept", info_of(environment, "demo", "1.10"))
    inventory = environment.scan()
    assert one(inventory, "demo").version == "1.9"
    (item,) = inventory.shadowed
    assert (item.version, item.winner) == ("1.10", one(inventory, "demo").metadata_path)
    assert item.reason == "the files there are those that demo-1.9.dist-info names"
    assert inventory.broken == ()


def test_egg_info(environment: Environment) -> None:
    """A legacy directory and a legacy file are distributions; one without its modules is a
    stray."""
    for name in ("legacy", "ghost"):
        info = environment.site / f"{name}-0.1.egg-info"
        info.mkdir()
        (info / "PKG-INFO").write_text(f"Name: {name}\nVersion: 0.1\n\n")
        (info / "top_level.txt").write_text(f"{name}_module\n")
        (info / "requires.txt").write_text("six\n\n[tests:python_version<'3']\nmock\n")
    (environment.site / "legacy_module.py").touch()
    (environment.site / "single-2.egg-info").write_text("Name: Single\nVersion: 2\n")
    (environment.site / "bad.egg-info").mkdir()
    inventory = environment.scan()
    legacy = one(inventory, "legacy")
    assert (legacy.format, legacy.origin.kind, legacy.files_digest) == ("egg-info", "unknown", None)
    assert legacy.requires == ("six", "mock ; (python_version<'3') and extra == \"tests\"")
    assert one(inventory, "single").version == "2"
    assert [(item.path, item.kind) for item in inventory.strays] == [
        (str(environment.site / "ghost-0.1.egg-info"), "egg-info")
    ]
    assert [(item.name, item.reasons) for item in inventory.broken] == [("bad", ("it has no PKG-INFO",))]


def test_setup_py_develop(environment: Environment, tmp_path: Path) -> None:
    """A .egg-link makes its source tree an editable; one that leads nowhere is broken."""
    source = tmp_path / "src"
    (source / "old.egg-info").mkdir(parents=True)
    (source / "old.egg-info" / "PKG-INFO").write_text("Name: old\nVersion: 0.1\n")
    (source / "old.py").touch()
    (environment.site / "easy-install.pth").write_text(f"{source}\n")
    (environment.site / "old.egg-link").write_text(f"{source}\n.")
    (environment.site / "dead.egg-link").write_text(f"{tmp_path / 'gone'}\n.")
    inventory = environment.scan()
    old = one(inventory, "old")
    assert (old.origin, old.layer) == (Origin("editable", f"file://{source}"), ".pth")
    (item,) = inventory.broken
    assert item.path.endswith("dead.egg-link")
    assert "where no metadata is" in item.reasons[0]
    assert inventory.strays == ()


def test_editable_by_pip_with_its_egg_info(environment: Environment, tmp_path: Path) -> None:
    """The source tree's own egg-info is explained, not reported as a clash."""
    source = tmp_path / "src"
    (source / "demo.egg-info").mkdir(parents=True)
    (source / "demo.egg-info" / "PKG-INFO").write_text("Name: demo\nVersion: 1.0\n")
    (source / "demo.py").touch()
    environment.install(environment.wheel("demo", files={"__editable__.demo-1.0.pth": f"{source}\n"}))
    direct = {"url": f"file://{source}", "dir_info": {"editable": True}}
    (info_of(environment, "demo") / "direct_url.json").write_text(json.dumps(direct))
    inventory = environment.scan()
    assert one(inventory, "demo").origin.kind == "editable"
    (item,) = inventory.shadowed
    assert item.reason == "the source tree's own metadata, beside that of its editable installation"
    assert inventory.strays == ()


def test_a_scan_changes_nothing(environment: Environment) -> None:
    """Not a file is made or touched."""
    environment.install(environment.wheel("demo"))
    before = {path: path.lstat().st_mtime_ns for path in environment.prefix.rglob("*")}
    environment.scan()
    assert {path: path.lstat().st_mtime_ns for path in environment.prefix.rglob("*")} == before


def test_an_unreadable_directory() -> None:
    """A directory of the search path that cannot be listed is said so."""
    entry = SearchPath("/absent", "env", "/absent", site=True)
    assert find([entry], None).notes == [
        "/absent cannot be read (No such file or directory): what it holds is not known"
    ]
