"""Real environments locked against real indexes, with real uv and pip."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from packaging.pylock import Pylock
from tests.lab.index_server import Fault, IndexServer
from tests.lab.venv import install, make_venv, site_of

from fastenv.event import Event
from fastenv.exceptions import ArtifactError, FileSystemError, LockFaults, NetworkError
from fastenv.lock import Lock, lock, toml
from fastenv.scan import Inventory, scan
from fastenv.testing import make_wheel


@pytest.fixture
def wheels(folder: Path) -> Path:
    """Three wheels: pure, with scripts and data, and with tags of a platform."""
    made = folder / "wheels"
    make_wheel(made, "alpha", "1.0", {"alpha.py": "A = 1\n"})
    make_wheel(
        made,
        "beta",
        "2.0",
        {"beta/__init__.py": ""},
        data={"scripts/beta-tool": "#!python\nprint()\n", "data/share/beta.txt": "b"},
        entry_points={"console_scripts": {"beta": "beta:main"}},
    )
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    make_wheel(made, "gamma", "3.0", {"gamma.py": "native"}, tags=[f"{tag}-{tag}-manylinux_2_17_x86_64"])
    make_wheel(made, "gamma", "3.0", {"gamma.py": "pure"})
    return made


@pytest.fixture
def index(wheels: Path) -> Iterator[IndexServer]:
    with IndexServer(wheels) as server:
        yield server


def public(*servers: IndexServer) -> list[str]:
    return [server.url for server in servers]


def use(monkeypatch: pytest.MonkeyPatch, server: IndexServer, **more: str) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
    for name, value in more.items():
        monkeypatch.setenv(name, value)


def package(locked: Lock, name: str) -> object:
    return next(p for p in locked.packages if p.name == name)


def test_public_index(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is locked by URL, size and sha256; the wheel is the one whose tags are installed."""
    python = make_venv(folder / "env", "alpha", "beta", "gamma", links=wheels)
    use(monkeypatch, index)
    locked = lock(python=python, output=folder / "pylock.fastenv.toml", public_indexes=public(index))
    assert [p.name for p in locked.packages] == ["alpha", "beta", "gamma"]
    for locked_package in locked.packages:
        file = wheels / locked_package.filename
        assert locked_package.url == index.files_url + file.name
        assert locked_package.size == file.stat().st_size
        assert (locked_package.origin, locked_package.index) == ("index", index.url)
    assert "manylinux" in locked.packages[2].filename
    assert locked.platform.glibc == "2.17"
    assert locked == Lock.read(folder / "pylock.fastenv.toml")
    assert not (folder / "pylock.fastenv.d").exists()
    Pylock.from_dict(toml.loads(locked.text)).validate()


def test_second_lock_is_the_same_and_asks_little(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same environment gives the same text, and what was learnt of wheels is not asked again."""
    python = make_venv(folder / "env", "alpha", "beta", "gamma", links=wheels)
    use(monkeypatch, index)
    first = lock(python=python, public_indexes=public(index))
    index.forget()
    assert lock(python=python, public_indexes=public(index)).text == first.text
    assert not [r for r in index.requests if r.path.endswith(".whl")]


def test_loopback_index_is_not_public(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files travel beside the lock, with the right bytes, and no URL of it is in the lock."""
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    use(monkeypatch, index)
    (folder / "out").mkdir()
    locked = lock(python=python, output=folder / "out" / "pylock.fastenv.toml")
    assert "127.0.0.1" not in locked.text
    for locked_package in locked.packages:
        assert locked_package.path is not None
        assert locked_package.path.startswith("pylock.fastenv.d/")
        travelled = folder / "out" / locked_package.path
        assert travelled.read_bytes() == (wheels / locked_package.filename).read_bytes()
        assert locked_package.origin == "local"
    names = {p.name for p in (folder / "out" / "pylock.fastenv.d").rglob("*") if p.is_file()}
    assert names == {p.filename for p in locked.packages}


def test_user_says_what_is_public(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable makes an index public, --private-index makes it private again."""
    python = make_venv(folder / "env", "alpha", links=wheels)
    use(monkeypatch, index, FASTENV_PUBLIC_INDEXES=f"https://other.example {index.url}")
    assert lock(python=python).packages[0].url is not None
    assert lock(python=python, private_indexes=public(index)).packages[0].url is None


def test_pip_conf_with_several_indexes(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip.conf's multi-line extra indexes count: another http index, and a file:// one with a subset."""
    more, tree = folder / "more", folder / "tree"
    make_wheel(more, "delta", "4.0+local", {"delta.py": "with a local version"})
    make_wheel(more, "delta", "4.0", {"delta.py": "the index's"})
    subset = make_wheel(tree / "epsilon", "epsilon", "5.0", {"epsilon.py": ""})
    (tree / "epsilon" / "index.html").write_text(f'<!DOCTYPE html><a href="{subset.name}">{subset.name}</a>')
    make_wheel(tree / "alpha", "alpha", "1.0", {"alpha.py": "A = 1\n"})
    (tree / "alpha" / "index.html").write_text('<!DOCTYPE html><a href="alpha-1.0-py3-none-any.whl">x</a>')
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    install(python, "delta==4.0+local", links=more)
    install(python, "epsilon", links=tree / "epsilon")
    with IndexServer(more) as second:
        conf = folder / "home" / ".config" / "pip" / "pip.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(
            f"[global]\nindex-url = {index.url}\n[install]\nextra-index-url =\n    {second.url}\n    {tree.as_uri()}\n"
        )
        locked = lock(
            python=python,
            output=folder / "pylock.fastenv.toml",
            public_indexes=public(index, second),
        )
    found = {p.name: p for p in locked.packages}
    assert found["alpha"].url == index.files_url + "alpha-1.0-py3-none-any.whl"
    assert found["beta"].index == index.url
    assert found["delta"].version == "4.0+local"
    assert found["delta"].url == second.files_url + "delta-4.0%2Blocal-py3-none-any.whl"
    assert found["delta"].index == second.url
    assert found["epsilon"].path is not None
    assert (folder / found["epsilon"].path).read_bytes() == subset.read_bytes()
    assert str(tree) not in locked.text


def test_local_version_is_not_the_plain_one(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither 1.0+cpu for 1.0 nor 1.0 for 1.0+cpu."""
    mine = folder / "mine"
    make_wheel(mine, "alpha", "1.0+cpu", {"alpha.py": "A = 1\n"})
    python = make_venv(folder / "env", "alpha==1.0+cpu", links=mine)
    use(monkeypatch, index)
    with pytest.raises(LockFaults) as caught:
        lock(python=python, public_indexes=public(index), strict=True)
    assert [(f.package, f.version) for f in caught.value.faults] == [("alpha", "1.0+cpu")]
    assert "no index has this version" in caught.value.faults[0].reason
    make_wheel(wheels, "alpha", "1.0+cpu", {"alpha.py": "A = 1\n"})
    assert "cpu" in lock(python=python, public_indexes=public(index)).packages[0].filename


def test_same_version_in_two_indexes(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that are installed decide which index's wheel it is, not the order of the indexes."""
    other = folder / "other"
    make_wheel(other, "alpha", "1.0", {"alpha.py": "A = 'other'\n"})
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    with IndexServer(other) as first:
        use(monkeypatch, index, UV_INDEX=first.url)
        locked = lock(python=python, public_indexes=public(index, first))
        assert locked.packages[0].index == index.url
        install(python, "alpha", links=other, options=("--reinstall",))
        assert lock(python=python, public_indexes=public(index, first)).packages[0].index == first.url


def test_find_links_only_for_what_the_index_lacks(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of wheels gives what the index has not, or has with other files."""
    mine = folder / "mine"
    make_wheel(mine, "alpha", "1.0", {"alpha.py": "A = 1\n"})
    make_wheel(mine, "beta", "2.0", {"beta.py": "built here"})
    made = make_wheel(mine, "zeta", "0.1", {"zeta.py": ""})
    python = make_venv(folder / "env", "alpha", "beta", "zeta", links=mine)
    use(monkeypatch, index, PIP_FIND_LINKS=f"{mine} {folder}/absent")
    events: list[Event] = []
    locked = lock(
        python=python,
        output=folder / "pylock.fastenv.toml",
        public_indexes=public(index),
        on_event=events.append,
    )
    found = {p.name: p for p in locked.packages}
    assert found["alpha"].url is not None
    assert (found["beta"].path or "").endswith("beta-2.0-py3-none-any.whl")
    assert (folder / (found["zeta"].path or "")).read_bytes() == made.read_bytes()
    assert any("absent" in event.message for event in events if event.kind == "warning")


def test_all_faults_at_once(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strict: missing, edited, built here, editable, sdist only are named with their reasons, in one error."""
    mine = folder / "mine"
    for name in ("missing-one", "missing-two", "missing-three", "only-sdist", "newer"):
        make_wheel(mine, name, "1.0")
    make_wheel(mine, "gamma", "3.0", {"gamma.py": "built here"}, tags=["py2.py3-none-any"])
    make_wheel(mine, "built", "1.0", {"built.py": "here"})
    make_wheel(wheels, "built", "1.0", {"built.py": "there"})
    make_wheel(wheels, "newer", "2.0")
    (wheels / "only-sdist-1.0.tar.gz").write_bytes(b"not looked into")
    names = ("missing-one", "missing-two", "missing-three", "only-sdist", "newer", "gamma", "built")
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    install(python, *names, links=mine)
    make_editable(python, folder / "source")
    direct = make_wheel(folder / "direct", "direct", "1.0")
    install(python, str(direct))
    direct.unlink()
    (site_of(python) / "alpha.py").write_text("A = 2\n")
    use(monkeypatch, index)
    with pytest.raises(LockFaults) as caught:
        lock(python=python, public_indexes=public(index), strict=True)
    # A build's last words are broken into lines.
    reasons = {it.package: " ".join(it.reason.replace("|", " ").split()) for it in caught.value.faults}
    assert sorted(reasons) == sorted([*names, "alpha", "direct", "mine"])
    for name, words in {
        "alpha": "edited: site/alpha.py (changed)",
        "missing-one": "no index and no find-links folder has it",
        "missing-three": "no index and no find-links folder has it",
        "only-sdist": "only a source distribution",
        "newer": "no index has this version",
        "gamma": "not among those of",
        "built": "installed files are not those of built-1.0-py3-none-any.whl",
        "direct": "installed from the file",
        "mine": "does not appear to be a Python project",
    }.items():
        assert words in reasons[name]
        assert name in str(caught.value)
    assert all(fault.hint for fault in caught.value.faults)


def make_editable(python: Path, source: Path) -> None:
    """An editable installation, as an installer leaves it."""
    source.mkdir()
    info = site_of(python) / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "direct_url.json").write_text(
        json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    )
    (site_of(python) / "mine.pth").write_text(f"{source}\n")
    (info / "RECORD").write_text(
        "mine.pth,,\nmine-1.0.dist-info/METADATA,,\nmine-1.0.dist-info/WHEEL,,\nmine-1.0.dist-info/RECORD,,\n"
        "mine-1.0.dist-info/direct_url.json,,\n"
    )


def test_server_without_ranges_or_sizes(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain server: the size by Content-Length, the files digest left to the node."""
    index.options.sizes = index.options.json_api = index.options.metadata = False
    for file in wheels.iterdir():
        index.fault(file.name, Fault(ignore_ranges=True))
    python = make_venv(folder / "env", "alpha", "gamma", links=wheels)
    use(monkeypatch, index)
    locked = lock(python=python, public_indexes=public(index))
    assert [p.size for p in locked.packages] == [
        (wheels / p.filename).stat().st_size for p in locked.packages
    ]


def test_server_that_falters(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 and 429 with Retry-After pass by."""
    python = make_venv(folder / "env", "alpha", links=wheels)
    use(monkeypatch, index)
    index.fault("alpha-1.0-py3-none-any.whl", Fault(status=503, retry_after="0", times=2))
    assert lock(python=python, public_indexes=public(index)).packages[0].size


def test_damaged_download_is_refused(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What travels has the sha256 that the index states, or there is no lock and nothing is left behind."""
    python = make_venv(folder / "env", "alpha", links=wheels)
    use(monkeypatch, index)
    lock(python=python, public_indexes=public(index))  # so that its facts are known
    index.fault("alpha-1.0-py3-none-any.whl", Fault(corrupt_at=100))
    target = folder / "out" / "pylock.fastenv.toml"
    target.parent.mkdir()
    with pytest.raises(ArtifactError, match=r"alpha-1\.0-py3-none-any\.whl has sha256"):
        lock(python=python, output=target)
    index.fault("alpha-1.0-py3-none-any.whl", Fault(truncate_at=100))
    with pytest.raises(NetworkError):
        lock(python=python, output=target)
    assert list(target.parent.iterdir()) == []


def test_unreachable_index(folder: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that isn't there is a network error, not a list of missing packages."""
    python = make_venv(folder / "env", "alpha", links=wheels)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9"):
        lock(python=python)


def test_inventory_from_another_machine(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inventory is enough: neither the interpreter nor the installed files need be here."""
    python = make_venv(folder / "env", "alpha", "gamma", links=wheels)
    use(monkeypatch, index)
    here = lock(python=python, public_indexes=public(index))
    text = scan(python=python).to_json().replace(str(folder / "env"), "/elsewhere/env")
    events: list[Event] = []
    there = lock(Inventory.from_json(text), public_indexes=public(index), on_event=events.append)
    assert there.packages == here.packages
    assert there.env_id == here.env_id
    assert any("not on this machine" in event.message for event in events)


def test_changed_since_the_scan(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inventory of what is not there any more is refused."""
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    inventory = scan(python=python)
    record = site_of(python) / "alpha-1.0.dist-info" / "RECORD"
    (row,) = [line for line in record.read_text().splitlines() if line.startswith("alpha.py,")]
    record.write_text(record.read_text().replace(row, f"{row}0"))
    use(monkeypatch, index)
    with pytest.raises(LockFaults, match=r"alpha-1\.0\.dist-info/RECORD \(changed\)"):
        lock(inventory, public_indexes=public(index))


def test_new_release_is_seen_at_once(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What uv has cached of an index does not hide a wheel that was uploaded a moment ago."""
    index.options.cache_control = "max-age=600"
    mine = folder / "mine"
    make_wheel(mine, "alpha", "9.0")
    python = make_venv(folder / "env", "alpha", links=mine)
    use(monkeypatch, index)
    with pytest.raises(LockFaults):
        lock(python=python, public_indexes=public(index), strict=True)
    make_wheel(wheels, "alpha", "9.0")
    assert lock(python=python, public_indexes=public(index)).packages[0].version == "9.0"


def test_what_nobody_owns_is_said(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of no distribution travels; one whose name no archive can have does not, and that is said."""
    python = make_venv(folder / "env", "alpha", links=wheels)
    (site_of(python) / "mine.py").write_text("")
    Path(os.fsdecode(bytes(site_of(python)) + b"/latin-\xe9.py")).write_text("")
    use(monkeypatch, index)
    events: list[Event] = []
    locked = lock(python=python, public_indexes=public(index), on_event=events.append)
    assert [it.name for it in locked.ignored if not it.version] == ["latin-\\udce9.py"]
    assert [it.place for it in locked.overlays] == ["site"]
    assert str(folder) not in locked.text.partition("[[tool.fastenv.ignored]]")[2]
    assert any("latin-\\udce9.py is not in the lock" in event.message for event in events)


def test_no_folder_to_write_to(folder: Path, wheels: Path) -> None:
    python = make_venv(folder / "env", "alpha", links=wheels)
    with pytest.raises(FileSystemError, match="there is no folder"):
        lock(python=python, output=folder / "absent" / "pylock.fastenv.toml")


@pytest.mark.slow
def test_interrupted(folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it soon, with status 130, and leaves nothing behind."""
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    use(monkeypatch, index)
    index.fault("alpha-1.0-py3-none-any.whl", Fault(stall_at=10, stall_s=300))
    command = [sys.executable, "-m", "fastenv", "lock", "--python", str(python)]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    while not index.requested("alpha-1.0-py3-none-any.whl"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not list(folder.glob("pylock*"))


@pytest.mark.slow
def test_many_missing(
    folder: Path, wheels: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty packages that no index has are all named, in reasonable time."""
    names = [f"lost-{number}" for number in range(40)]
    for name in names:
        make_wheel(folder / "mine", name, "1.0")
    python = make_venv(folder / "env", *names, links=folder / "mine")
    install(python, "alpha", links=wheels)
    use(monkeypatch, index)
    started = time.monotonic()
    with pytest.raises(LockFaults) as caught:
        lock(python=python, public_indexes=public(index), strict=True)
    assert [fault.package for fault in caught.value.faults] == sorted(names)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("travels", [False, True])
def test_uv_and_pip_install_the_lock(
    folder: Path, wheels: Path, index: IndexServer, travels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv pip sync and pip 26 install the lock's wheels, by URL and by path beside it."""
    python = make_venv(folder / "env", "alpha", "beta", "gamma", links=wheels)
    use(monkeypatch, index)
    target = folder / "pylock.fastenv.toml"
    lock(python=python, output=target, public_indexes=() if travels else public(index))
    wanted = {(it.name, it.version, it.files_digest) for it in scan(python=python).distributions}
    synced = make_venv(folder / "synced")
    words = ["pip", "sync", "--preview-features", "pylock", "--python", str(synced), str(target)]
    done = subprocess.run([uv.find_uv_bin(), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert {(it.name, it.version, it.files_digest) for it in scan(python=synced).distributions} == wanted
    piped = make_venv(folder / "piped")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(piped),
            "install",
            "--no-deps",
            "-r",
            str(target),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {(it.name, it.version, it.files_digest) for it in scan(python=piped).distributions} == wanted
