"""verify: what is not as it was published, and nothing is changed by asking."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import Content, File, make_package
from tests.lab.lab import Lab, run, snapshot
from tests.lab.records import site_packages

Deed = Callable[[Path, Path], None]


def replaced(path: Path, content: str) -> None:
    """Another file in its place, as an editor does: the store's own is left alone."""
    mode = path.stat().st_mode & 0o777
    path.unlink()
    path.write_text(content)
    path.chmod(mode)


def relinked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def damage(name: str) -> Deed:
    return lambda prefix, _: replaced(prefix / ".fastenv" / name, "x")


def removal(name: str) -> Deed:
    return lambda prefix, _: (prefix / ".fastenv" / name).unlink()


def dropped(path: Path) -> None:
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()


def folded(path: Path) -> None:
    path.unlink()
    path.mkdir()


def added(path: Path) -> None:
    path.write_text("new = 1\n")


# What was done (to the prefix, in site-packages), what quick and full find, and where.
DEEDS: dict[str, tuple[Deed, str, str, str]] = {
    "an edit of another size": (lambda _, s: replaced(s / "one.py", "x"), "size", "size", "one.py"),
    "an edit of the same size": (lambda _, s: replaced(s / "one.py", "y = 1\n"), "", "content", "one.py"),
    "a file removed": (lambda _, s: dropped(s / "one.py"), "missing", "missing", "one.py"),
    "a folder removed": (lambda _, s: dropped(s / "deep/er.py"), "missing", "missing", "deep/er.py"),
    "a file added": (lambda _, s: added(s / "new.py"), "unexpected", "unexpected", "new.py"),
    "a file added to bin": (lambda p, _: added(p / "bin/new"), "unexpected", "unexpected", "bin/new"),
    "a mode changed": (lambda p, _: (p / "bin/one").chmod(0o644), "mode", "mode", "bin/one"),
    "a link changed": (lambda p, _: relinked(p / "bin/python", "/bin/true"), "mode", "mode", "bin/python"),
    "a file made a link": (lambda _, s: relinked(s / "one.py", "deep/er.py"), "mode", "mode", "one.py"),
    "a file made a folder": (lambda _, s: folded(s / "one.py"), "mode", "mode", "one.py"),
    "a script edited": (lambda p, _: replaced(p / "bin/one", "#!/bin/sh\n"), "size", "size", "bin/one"),
    "RECORD emptied": (lambda _, s: replaced(s / "one-1.0.dist-info/RECORD", ""), "size", "size", "RECORD"),
    **{
        f"fastenv's {name} damaged": (damage(name), "record", "record", f".fastenv/{name}")
        for name in ("lock.toml", "state", "manifest")
    },
    **{
        f"fastenv's {name} removed": (removal(name), "record", "record", f".fastenv/{name}")
        for name in ("lock.toml", "state", "manifest")
    },
    "an index damaged": (
        lambda p, _: replaced(next((p / ".fastenv/index").iterdir()), "x"),
        "record",
        "record",
        ".fastenv/index/",
    ),
}


@pytest.fixture
def prefix(lab: Lab) -> Path:
    points = {"console_scripts": {"one": "one:main"}}
    files = {"one.py": "x = 1\n", "deep/er.py": "deep = 1\n"}
    return lab.materialize(lab.lock(lab.wheel("one", files=files, entry_points=points)))


def findings(lab: Lab, prefix: Path, *options: str) -> list[tuple[str, str]]:
    done = lab.run("verify", prefix, "--json", *options)
    rows = [json.loads(line) for line in done.out.splitlines()]
    found = [(row["kind"], row["path"]) for row in rows[:-1]]
    assert rows[-1] == {"event": "done", "findings": len(found)}
    assert done.code == int(bool(found)), done
    return found


@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_is_found(lab: Lab, prefix: Path, deed: str) -> None:
    change, quick, full, path = DEEDS[deed]
    assert findings(lab, prefix, "--full") == []
    change(prefix, site_packages(prefix))
    before = snapshot(prefix)
    for expected, options in ((quick, ()), (full, ("--full",))):
        found = findings(lab, prefix, *options)
        kinds = {kind for kind, where in found if path in where}
        assert kinds == ({expected} if expected else set()), found
        if expected != "record":
            assert len(found) == len(kinds), found
    assert snapshot(prefix) == before


def test_what_python_itself_leaves_is_no_finding(lab: Lab, prefix: Path) -> None:
    run([str(prefix / "bin/python"), "-c", "import one"], env=lab.environ, code=0)
    assert list(site_packages(prefix).glob("__pycache__/one.*.pyc"))
    assert findings(lab, prefix, "--full") == []


def test_an_edit_through_the_link_is_found(lab: Lab, prefix: Path) -> None:
    """Root may write to a file of the store in place: the full check compares with what was published."""
    path = site_packages(prefix) / "one.py"
    path.chmod(0o644)
    with path.open("r+") as stream:
        stream.write("y")
    assert findings(lab, prefix) == []
    assert [kind for kind, _ in findings(lab, prefix, "--full")] == ["content"]


def test_plain_lines_name_kind_path_and_package(lab: Lab, prefix: Path) -> None:
    (site_packages(prefix) / "one.py").unlink()
    done = lab.run("verify", prefix)
    relative = os.path.relpath(site_packages(prefix), prefix)
    assert done.out == f"missing: {relative}/one.py (one)\n"


def test_a_moved_environment_is_noticed(lab: Lab, prefix: Path) -> None:
    moved = prefix.rename(lab.prefix("moved"))
    assert ("record", ".fastenv/state") in findings(lab, moved)
    done = lab.run("exec", moved, "--", "echo", "must not run")
    assert (done.code, done.out) == (125, "")
    assert "moved" in done.err


@pytest.mark.parametrize("place", ["absent", "folder", "file"])
def test_what_is_no_environment(lab: Lab, place: str) -> None:
    path = lab.prefix(place)
    if place == "folder":
        path.mkdir()
    elif place == "file":
        path.write_text("")
    done = lab.run("verify", path)
    assert (done.code, done.out) == (6, "")
    assert str(path) in done.err


def test_byte_code_that_a_conda_package_brought(lab: Lab) -> None:
    """It is compared as long as nobody has written it anew, and it need not be there."""
    name = "lib/m/__pycache__/m.cpython-311.pyc"
    files: dict[str, Content] = {"lib/m/m.py": "x = 1\n", name: File(b"byte code", mtime=1_500_000_000)}
    archive = archive_at(make_package(lab.folder / "channel", "bringer", files=files))
    prefix = lab.materialize(conda_lock([archive], lab.folder))
    path = prefix / name
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (b"byte code", 1_500_000_000 * 10**9)
    path.unlink()
    assert lab.run("verify", prefix, "--full").out == ""
    path.write_bytes(b"rot, code")
    assert lab.run("verify", prefix, "--full").out == ""
    os.utime(path, (1_500_000_000, 1_500_000_000))
    assert lab.run("verify", prefix).out == ""
    assert lab.run("verify", prefix, "--full").out == f"content: {name} (bringer)\n"
    path.write_bytes(b"rot")
    os.utime(path, (1_500_000_000, 1_500_000_000))
    assert lab.run("verify", prefix).out == f"size: {name} (bringer)\n"
