"""Conda prefixes made by py-rattler of real packages, with pip on top and with damage."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lab.conda_data import data, environment, needs_conda_data
from tests.lab.conda_prefix import (
    CHANNEL,
    copy_prefix,
    edit_record,
    install,
    made_prefix,
    record_of,
    replace_text,
)
from tests.unit.scan.environment import clean, one

from fastenv.exceptions import ScanError
from fastenv.scan import Inventory, scan
from fastenv.scan.conda_record import CondaRecord, read_record
from fastenv.scan.conda_url import channel_of, holds_secret, without_login
from fastenv.scan.inventory import CondaPackage, Contested
from fastenv.testing import make_wheel

pytestmark = [pytest.mark.shared, needs_conda_data()]


def look(prefix: Path) -> Inventory:
    return scan(prefix=prefix, environ=clean())


def package(inventory: Inventory, name: str) -> CondaPackage:
    assert inventory.conda is not None
    (found,) = (it for it in inventory.conda.packages if it.name == name)
    return found


def contest(inventory: Inventory, path: str) -> Contested:
    (found,) = (it for it in inventory.contested if it.path == path)
    return found


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Libraries without python."""
    return copy_prefix(made_prefix(environment("cf-libs")), tmp_path / "env")


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A working CPython 3.6 with flask and more."""
    return copy_prefix(made_prefix(environment("py36-web"), requested=["flask >=1"]), tmp_path / "env")


@pytest.fixture
def pip(web: Path) -> Callable[..., None]:
    def run(*words: str | Path) -> None:
        command = [web / "bin/python", "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", *words]
        subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin"}, capture_output=True)

    return run


def test_every_package_and_who_asked_for_it(web: Path) -> None:
    inventory = look(web)
    assert inventory.conda is not None
    archives = {it.name: it for it in environment("py36-web")}
    assert [it.name for it in inventory.conda.packages] == sorted(archives)
    for it in inventory.conda.packages:
        archive = archives[it.name]
        assert (it.version, it.build, it.subdir) == (archive.version, archive.build, archive.subdir)
        assert (it.sha256, it.size, it.file_name) == (archive.sha256, archive.size, archive.file_name)
        assert it.url == f"{CHANNEL}/{archive.relative}"
        assert it.channel == f"{CHANNEL}/{archive.channel}"
    assert [it.name for it in inventory.conda.packages if it.requested] == ["flask"]
    assert package(inventory, "click").noarch == "python"
    assert "libffi >=3.2.1,<4.0a0" in package(inventory, "python").depends
    assert (inventory.broken, inventory.contested, inventory.left_out) == ((), (), ())
    assert {it.origin.kind for it in inventory.distributions} == {"conda"}
    assert one(inventory, "flask").requested
    assert not one(inventory, "click").requested


def test_a_prefix_without_python(libraries: Path) -> None:
    inventory = look(libraries)
    assert inventory.interpreter is None
    assert inventory.prefix == str(libraries)
    assert inventory.platform.os == "linux"
    assert len(inventory.conda.packages if inventory.conda else ()) == 22
    assert Inventory.from_json(inventory.to_json()) == inventory
    with pytest.raises(ScanError, match="has no bin/python"):
        look(libraries / "bin")


def test_nothing_is_written_and_no_conda_is_run(libraries: Path) -> None:
    def state() -> list[tuple[str, int]]:
        every = [Path(folder, name) for folder, _, names in os.walk(libraries) for name in names]
        return sorted((str(path), path.lstat().st_mtime_ns) for path in every)

    (libraries / "bin").mkdir(exist_ok=True)
    replace_text(libraries / "bin/conda", "#!/bin/sh\nrm -rf $(dirname $0)/../conda-meta\n")
    (libraries / "bin/conda").chmod(0o755)
    before = state()
    look(libraries)
    assert state() == before


def test_addresses_are_told_without_secrets(libraries: Path) -> None:
    file_name = package(look(libraries), "libcurl").file_name
    url = f"https://me:word@channel.example/t/to-ken/inner/linux-64/{file_name}?x=1"
    edit_record(libraries, "libcurl", url=url, channel="https://channel.example/t/to-ken/inner")
    inventory = look(libraries)
    found = package(inventory, "libcurl")
    assert found.url == f"https://channel.example/inner/linux-64/{file_name}"
    assert found.channel == "https://channel.example/inner"
    assert found.has_secret
    assert "to-ken" not in inventory.to_json()
    assert "word" not in inventory.to_json()


@pytest.mark.parametrize(
    ("url", "channel", "expected"),
    [
        ("https://c.example/main/linux-64/x-1-0.conda", "main", "https://c.example/main"),
        ("https://c.example/t/abc/me/noarch/x-1-0.conda", "", "https://c.example/me"),
        ("file:///srv/channel/noarch/x-1-0.conda", "", "file:///srv/channel"),
        ("", "https://c.example/main/linux-64", "https://c.example/main"),
        ("", "https://a:b@c.example/t/abc/main", "https://c.example/main"),
        ("", "defaults", "defaults"),
        ("<unknown>", "<unknown>", ""),
    ],
)
def test_channel(url: str, channel: str, expected: str) -> None:
    assert channel_of(url, channel, "linux-64") == expected


def test_url_without_login() -> None:
    assert (
        without_login("https://u:p@c.example:8080/t/x/y/z.conda#frag") == "https://c.example:8080/y/z.conda"
    )
    assert holds_secret("https://c.example/t/x/y")
    assert not holds_secret("https://c.example/table/t/y")


def test_pip_over_conda(web: Path, pip: Callable[..., None], tmp_path: Path) -> None:
    """pip took conda's six away, and put another in its place; of idna a file of conda's stays, and one is gone."""
    wheels = tmp_path / "wheels"
    edit_record(
        web, "idna", files=[*json.loads(record_of(web, "idna").read_text())["files"], "share/idna.txt"]
    )
    replace_text(web / "share/idna.txt", "conda's alone")
    for name in ("six", "idna"):
        pip("install", "--no-index", "--no-deps", make_wheel(wheels, name, "99.0"))
    inventory = look(web)
    assert inventory.conda is not None
    names = [it.name for it in inventory.conda.packages]
    assert "six" not in names
    assert "idna" in names
    assert [it.name for it in inventory.left_out] == ["conda:six"]
    assert [it.name for it in inventory.shadowed] == ["conda:idna", "conda:six"]
    assert "pip put six 99.0 in its place" in inventory.shadowed[1].reason
    gone = contest(inventory, "site/idna/codec.py")
    assert (gone.winner, [claim.name for claim in gone.claims]) == ("idna", ["conda:idna", "idna"])
    assert inventory.broken == ()
    assert (one(inventory, "six").origin.kind, one(inventory, "six").version) == ("index", "99.0")


def test_headers_are_known_by_their_place(web: Path, pip: Callable[..., None], tmp_path: Path) -> None:
    """pip puts them where conda's package had its own, and has another word for that place."""
    own = "include/python3.6m/six/six.h"
    edit_record(web, "six", files=[*json.loads(record_of(web, "six").read_text())["files"], own])
    headers = {"headers/six.h": "mine"}
    pip("install", "--no-index", "--no-deps", make_wheel(tmp_path / "wheels", "six", "99.0", data=headers))
    assert (web / own).read_text() == "mine"
    assert [it.name for it in look(web).left_out] == ["conda:six"]


def test_pip_uninstalled_what_conda_put_there(web: Path, pip: Callable[..., None]) -> None:
    """The record is still there, the package is not."""
    pip("uninstall", "-y", "six")
    inventory = look(web)
    assert [it.name for it in inventory.left_out] == ["conda:six"]
    assert inventory.broken == ()


def test_overwritten_files_have_their_owner_by_hash(
    web: Path, pip: Callable[..., None], tmp_path: Path
) -> None:
    """An installer that removes nothing writes over conda's files."""
    files = {"flask/__init__.py": "mine = 1\n", "flask/app.py": "mine = 2\n"}
    wheel = make_wheel(tmp_path / "wheels", "flask", "99.0", files)
    pip("install", "--no-index", "--no-deps", "--ignore-installed", wheel)
    inventory = look(web)
    assert contest(inventory, "site/flask/__init__.py").winner == "flask"
    assert [row.path for row in inventory.contested] == [f"site/{name}" for name in sorted(files)]
    assert package(inventory, "flask").problems == ()
    (shadowed,) = inventory.shadowed
    assert shadowed.name == "flask"
    assert shadowed.version == "1.0.2"


def test_the_same_version_by_pip_is_pips(web: Path, pip: Callable[..., None], tmp_path: Path) -> None:
    """INSTALLER and names do not tell it, the hash of RECORD does."""
    info = web / "lib/python3.6/site-packages/decorator-4.4.2.dist-info"
    before = {path.name for path in info.iterdir()}
    wheel = make_wheel(tmp_path / "wheels", "decorator", "4.4.2", {"decorator.py": "mine = 1\n"})
    pip("install", "--no-index", "--no-deps", "--force-reinstall", wheel)
    for name in {path.name for path in info.iterdir()} - before:
        (info / name).unlink()
    inventory = look(web)
    assert one(inventory, "decorator").origin.kind == "index"


def test_two_conda_packages_and_one_path(libraries: Path) -> None:
    """The bytes that lie there decide; a record without hashes wins what is none of the others'."""
    zlib, curl = (json.loads(record_of(libraries, name).read_text()) for name in ("libzlib", "libcurl"))
    row = next(row for row in curl["paths_data"]["paths"] if row["_path"] == "lib/libcurl.so.4.8.0")
    other = {**row, "sha256": "0" * 64, "sha256_in_prefix": None}
    data = {"paths": [*zlib["paths_data"]["paths"], other], "paths_version": 1}
    edit_record(libraries, "libzlib", files=[*zlib["files"], row["_path"]], paths_data=data)
    found = contest(look(libraries), "prefix/lib/libcurl.so.4.8.0")
    assert (found.winner, len(found.claims)) == ("conda:libcurl", 2)
    edit_record(libraries, "libcurl", paths_data=None)
    assert contest(look(libraries), "prefix/lib/libcurl.so.4.8.0").winner == "conda:libcurl"
    edit_record(libraries, "libzlib", paths_data=None)
    assert look(libraries).contested == ()  # nothing says that they differ


def test_a_noarch_record_as_conda_writes_it(web: Path) -> None:
    """Its ``files`` are those in the prefix, its paths_data has the archive's paths, and byte code."""
    record = json.loads(record_of(web, "click").read_text())
    for row in record["paths_data"]["paths"]:
        row["_path"] = row["_path"].replace("lib/python3.6/site-packages", "site-packages")
        row["sha256_in_prefix"] = row["sha256"]
    pyc = "lib/python3.6/site-packages/click/__pycache__/core.cpython-36.pyc"
    record["paths_data"]["paths"].append({"_path": pyc, "path_type": "pyc_file"})
    spec = "https://me:word@channel.example/t/to-ken/x::click==6.7=py_1"
    changes = {"requested_spec": spec, "requested_specs": None, "files": [*record["files"], pyc]}
    edit_record(web, "click", paths_data=record["paths_data"], **changes)
    inventory = look(web)
    assert (inventory.broken, inventory.strays[1:]) == ((), ())
    assert package(inventory, "click").requested == ("https://channel.example/x::click==6.7=py_1",)
    (web / "lib/python3.6/site-packages/click/core.py").unlink()
    assert "gone: lib/python3.6/site-packages/click/core.py" in look(web).broken[0].reasons[0]


@pytest.mark.parametrize("site", ["lib/python3.13t/site-packages", "lib/elsewhere/here"])
def test_a_noarch_record_where_site_packages_is_elsewhere(tmp_path: Path, site: str) -> None:
    """conda gives the places in ``files`` alone (CEP 17)."""
    row = {"_path": "site-packages/a.py", "path_type": "hardlink", "sha256": "0" * 64}
    table = {
        "name": "a",
        "version": "1",
        "build": "0",
        "build_number": 0,
        "subdir": "noarch",
        "noarch": "python",
        "files": [f"{site}/a.py"],
        "paths_data": {"paths": [row]},
    }
    path = tmp_path / "a-1-0.json"
    path.write_text(json.dumps(table))
    record = read_record(str(path), site)
    assert isinstance(record, CondaRecord)
    assert [(file.path, file.sha256) for file in record.files] == [(f"{site}/a.py", "0" * 64)]


def test_what_nobody_owns_is_listed(web: Path) -> None:
    replace_text(web / "bin/mine", "x")
    (web / "data/deep").mkdir(parents=True)
    replace_text(web / "data/deep/file", "x")
    (web / "empty").mkdir()
    replace_text(web / "lib/python3.6/mine.py", "x")
    replace_text(web / "lib/python3.6/site-packages/loose.py", "x")
    strays = {it.path.removeprefix(f"{web}/"): it.kind for it in look(web).strays if it.kind != "venv"}
    assert strays == {
        "bin/mine": "script",
        "data": "file",
        "lib/python3.6/mine.py": "file",
        "lib/python3.6/site-packages/loose.py": "module",
    }


def test_what_conda_meta_holds_beside_records(libraries: Path) -> None:
    meta = libraries / "conda-meta"
    replace_text(meta / "pinned", "# mine\nopenssl 3.*\n\n")
    state = {"version": 1, "env_vars": {"MODE": "fast", "API_TOKEN": "tell-nobody"}}
    replace_text(meta / "state", json.dumps(state))
    replace_text(meta / "frozen", "")
    replace_text(meta / "history", "==> 2026-01-01 10:00:00 <==\n")
    (libraries / "etc/conda/activate.d").mkdir(parents=True, exist_ok=True)
    replace_text(libraries / "etc/conda/activate.d/x.sh", "")
    inventory = look(libraries)
    found = inventory.conda
    assert found is not None
    assert (found.pinned, found.frozen, found.history) == (("openssl 3.*",), "", True)
    assert found.variables == (("API_TOKEN", "***"), ("MODE", "fast"))
    assert "etc/conda/activate.d/x.sh" in found.activation
    assert "activation sets API_TOKEN, MODE (conda-meta/state)" in inventory.notes
    assert "conda-meta/pinned holds openssl 3.*" in inventory.notes
    (meta / "history").unlink()
    assert not getattr(look(libraries).conda, "history", True)


def test_what_rattler_moved_aside(tmp_path: Path) -> None:
    """Of packages that claim one path it keeps the losers' files elsewhere, and says so in their records."""
    place = data()
    assert place is not None
    fixtures = place / "fixtures/noarch"
    prefix = tmp_path / "env"
    install([fixtures / f"clobber-{number}-0.1.0-h4616a5c_0.tar.bz2" for number in (1, 2, 3)], prefix)
    inventory = look(prefix)
    found = contest(inventory, "prefix/clobber.txt")
    assert [claim.name for claim in found.claims] == ["conda:clobber-1", "conda:clobber-2", "conda:clobber-3"]
    text = (prefix / "clobber.txt").read_text().split()[-1]
    assert found.winner == "conda:clobber-1", text
    assert [it for it in inventory.strays if it.kind != "venv"] == []


def test_the_last_of_two_wins_as_conda_links_them(tmp_path: Path) -> None:
    """conda's records of both name the path, and tell what each has put there."""
    place = data()
    assert place is not None
    fixtures = place / "fixtures/noarch"
    prefix = tmp_path / "env"
    names = [f"clobber-with-symlink-{letter}-0.1.0-h4616a5c_0.conda" for letter in "ab"]
    install([fixtures / name for name in names], prefix)
    record = json.loads(record_of(prefix, "clobber-with-symlink-a").read_text())
    path = "lib/clobber.so"
    for row in record["paths_data"]["paths"]:
        row["_path"] = row.pop("original_path", row["_path"])
    files = [row["_path"] for row in record["paths_data"]["paths"]]
    edit_record(prefix, "clobber-with-symlink-a", files=files, paths_data=record["paths_data"])
    assert contest(look(prefix), f"prefix/{path}").winner == "conda:clobber-with-symlink-b"


DAMAGE: list[tuple[dict[str, object], str]] = [
    ({"build": None}, "the record lacks build"),
    ({"build": None, "files": None}, "the record lacks build, files"),
    ({"build_number": "0"}, "the record lacks build_number"),
    ({"version": "9.9"}, "another name than libcurl-9.9-"),
    ({"sha256": "abc"}, "its sha256 is none: 'abc'"),
    ({"files": ["/etc/passwd", "../x"]}, "names files outside of the environment: /etc/passwd, ../x"),
    ({"files": ["lib/no-such-file.so"]}, "files that its record names are gone: lib/no-such-file.so"),
]


@pytest.mark.parametrize(("changes", "words"), DAMAGE)
def test_a_record_that_lies(libraries: Path, changes: dict[str, object], words: str) -> None:
    edit_record(libraries, "libcurl", **changes)
    (broken,) = look(libraries).broken
    assert broken.name == "conda:libcurl"
    assert any(words in reason for reason in broken.reasons), broken.reasons


def test_all_that_is_wrong_is_told_at_once(libraries: Path) -> None:
    """A record that is no JSON, a package that was removed by half, one whose update was interrupted."""
    replace_text(record_of(libraries, "libcurl"), "{")
    (libraries / "lib/libz.so.1.2.13").unlink()
    old = json.loads(record_of(libraries, "zstd").read_text())
    replace_text(
        libraries / "conda-meta/zstd-1.0-0.json", json.dumps({**old, "version": "1.0", "build": "0"})
    )
    told = {
        it.path.rpartition("/")[2].partition("-")[0]: " ".join(it.reasons) for it in look(libraries).broken
    }
    assert sorted(told) == ["libcurl", "libzlib", "zstd"]
    assert "is no JSON" in told["libcurl"]
    assert "gone: lib/libz.so.1.2.13" in told["libzlib"]
    assert "an update was interrupted" in told["zstd"]
