"""After another boot of the same machine: what was never synced may be wrong, and is healed before it is used."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lab.boots import another_boot, cut, emptied, zeroed
from tests.lab.index_server import Fault
from tests.lab.lab import Lab, snapshot
from tests.lab.records import record_faults, site_packages
from tests.lab.trees import differences

DAMAGES = [cut, emptied, zeroed]
OWN_OR_NOT = pytest.mark.parametrize("own", [True, False], ids=["in the store", "elsewhere"])
# How it is used next, and whether it is the store's own.
WAYS = pytest.mark.parametrize(
    "way",
    [
        ("materialize", True),
        ("materialize", False),
        ("exec the lock", True),
        ("exec the prefix", True),
        ("exec the prefix", False),
    ],
    ids=lambda way: f"{way[0]}, {'in the store' if way[1] else 'elsewhere'}",
)
SHOW = ["--", "python", "-c", "import one, sub.two; print(one.x + sub.two.y)"]


@pytest.fixture
def wheel(lab: Lab) -> Path:
    points = {"console_scripts": {"one": "one:main"}}
    text = "x = 1\n# " + "as long as a block of a file system, and longer. " * 200 + "\n"
    return lab.wheel("one", files={"one.py": text, "sub/two.py": "y = 2\n"}, entry_points=points)


def made(lab: Lab, lock: Path, own: bool, *options: object) -> Path:
    return lab.materialize(lock, *options, prefix=None if own else "env")


def use(lab: Lab, way: tuple[str, bool], lock: Path, prefix: Path) -> None:
    """Materializes or runs; the environment must be right when it is over."""
    verb, own = way
    where = [] if own else ["--prefix", prefix]
    if verb == "materialize":
        done = lab.run("materialize", lock, *where)
        assert (done.code, done.out) == (0, f"{prefix}\n"), done
    else:
        done = lab.run("exec", lock if verb == "exec the lock" else prefix, *SHOW)
        assert (done.code, done.out, done.err) == (0, "3\n", ""), done


def right(lab: Lab, prefix: Path, wheel: Path) -> None:
    assert lab.run("verify", prefix, "--full").code == 0
    assert differences(prefix, lab.reference(wheel)) == []
    assert record_faults(prefix) == []
    assert [path for path in prefix.parent.iterdir() if "changed" in path.name] == []
    assert lab.residue() == []
    assert lab.run("store", "verify").code == 0


@WAYS
def test_what_is_right_is_stamped_anew(lab: Lab, wheel: Path, way: tuple[str, bool]) -> None:
    lock = lab.lock(wheel)
    prefix = made(lab, lock, way[1])
    inode, requests = prefix.stat().st_ino, len(lab.index.requests)
    another_boot(lab.store, prefix)
    before = (prefix / ".fastenv/state").read_text()
    use(lab, way, lock, prefix)
    assert prefix.stat().st_ino == inode
    assert len(lab.index.requests) == requests
    assert (prefix / ".fastenv/state").read_text() != before
    state = snapshot(prefix / ".fastenv/state")
    use(lab, way, lock, prefix)
    assert snapshot(prefix / ".fastenv/state") == state, "checked once a boot"
    right(lab, prefix, wheel)


@WAYS
@pytest.mark.parametrize("damage", DAMAGES)
def test_files_of_the_store_are_healed(
    lab: Lab, wheel: Path, way: tuple[str, bool], damage: Callable[[Path], None]
) -> None:
    lock = lab.lock(wheel)
    prefix = made(lab, lock, way[1])
    damage(site_packages(prefix) / "one.py")
    another_boot(lab.store, prefix)
    use(lab, way, lock, prefix)
    right(lab, prefix, wheel)


@WAYS
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name", ["bin/one", "pyvenv.cfg", ".fastenv/state", ".fastenv/lock.toml", ".fastenv/manifest", ".fastenv/index"]
)  # fmt: skip
def test_files_of_the_environment_are_healed(
    lab: Lab, wheel: Path, way: tuple[str, bool], damage: Callable[[Path], None], name: str
) -> None:
    lock = lab.lock(wheel)
    prefix = made(lab, lock, way[1])
    path = prefix / name
    if path.is_dir():
        (path,) = path.iterdir()
    damage(path)
    another_boot(lab.store, prefix)
    use(lab, way, lock, prefix)
    right(lab, prefix, wheel)


@OWN_OR_NOT
@pytest.mark.parametrize("damage", DAMAGES)
def test_everything_at_once_is_healed(
    lab: Lab, wheel: Path, own: bool, damage: Callable[[Path], None]
) -> None:
    """Whatever was written last is gone."""
    lock = lab.lock(wheel)
    prefix = made(lab, lock, own, "--compile")
    another_boot(lab.store, prefix)
    for folder in (lab.store, prefix):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size:
                damage(path)
    done = lab.run("materialize", lock, *([] if own else ["--prefix", prefix]))
    assert (done.code, done.out) == (0, f"{prefix}\n"), done
    assert lab.run("exec", prefix, *SHOW).out == "3\n"
    assert lab.run("verify", prefix, "--full").code == 0
    assert record_faults(prefix) == []
    assert lab.residue() == []
    lab.run("store", "verify")
    assert lab.run("store", "verify").code == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_artifact_is_checked_before_it_is_linked(
    lab: Lab, wheel: Path, damage: Callable[[Path], None]
) -> None:
    lock = lab.lock(wheel)
    lab.materialize(lock, prefix="first")
    (path,) = (lab.store / "artifacts").glob("*/tree/site/sub/two.py")
    damage(path)
    another_boot(lab.store)
    right(lab, lab.materialize(lock, prefix="second"), wheel)
    requests = len(lab.index.requests)
    another_boot(lab.store)
    lab.materialize(lock, prefix="third")
    assert len(lab.index.requests) == requests, "a right one is not fetched again"


def test_what_is_damaged_is_healed_from_the_kept_archive_or_said(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(lab.row(wheel, url=None, path=wheel.relative_to(lab.folder).as_posix()))
    prefix = lab.materialize(lock, prefix=None)
    content = wheel.read_bytes()
    wheel.unlink()
    zeroed(site_packages(prefix) / "one.py")
    another_boot(lab.store)
    assert lab.run("exec", prefix, *SHOW).out == "3\n"
    (archive,) = (lab.store / "archives").glob("*/*")
    zeroed(site_packages(prefix) / "one.py")
    zeroed(archive)
    another_boot(lab.store)
    done = lab.run("exec", prefix, *SHOW)
    assert (done.code, done.out) == (125, "")
    assert wheel.name in done.err
    wheel.write_bytes(content)
    assert lab.run("exec", lock, *SHOW).out == "3\n"
    assert archive.read_bytes() == content, "kept again"


@pytest.mark.parametrize("damage", DAMAGES)
def test_byte_code_is_checked(lab: Lab, wheel: Path, damage: Callable[[Path], None]) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, "--compile", prefix=None)
    (path,) = (lab.store / "bytecode").glob("*/tree/site/__pycache__/one.*.pyc")
    damage(path)
    another_boot(lab.store)
    assert lab.run("exec", prefix, *SHOW).out == "3\n"
    assert lab.run("store", "verify").code == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_kept_lock_and_interpreter_are_mended(
    lab: Lab, wheel: Path, damage: Callable[[Path], None]
) -> None:
    lock = lab.lock(wheel)
    lab.materialize(lock, prefix=None)
    identity = lab.run("env-id", lock).out.strip()
    (kept,) = (lab.store / "locks").iterdir()
    text = kept.read_text()
    damage(kept)
    for path in (lab.store / "interpreters").iterdir():
        damage(path)
    another_boot(lab.store)
    assert lab.run("exec", identity, *SHOW).out == "3\n"
    assert kept.read_text() == text
    lab.materialize(lock, prefix="other")


def test_without_the_network_it_fails_closed(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, prefix=None)
    zeroed(site_packages(prefix) / "one.py")
    another_boot(lab.store)
    lab.index.fault(wheel.name, Fault(status=404))
    done = lab.run("exec", prefix, *SHOW)
    assert (done.code, done.out) == (125, "")
    lab.index.heal()
    assert lab.run("exec", prefix, *SHOW).out == "3\n"


def test_another_machine_is_not_another_boot(lab: Lab, wheel: Path) -> None:
    """A shared folder that many machines read."""
    prefix = lab.materialize(lab.lock(wheel))
    another_boot(prefix, machine="another")
    before = snapshot(prefix)
    assert lab.run("exec", prefix, "--", "true").code == 0
    assert snapshot(prefix) == before


def edited(path: Path) -> None:
    """As an editor saves: another file in its place, deep enough that no folder that is looked at has another time."""
    content = path.read_text()
    path.unlink()
    path.write_text(content.replace("y = 2", "y = 7"))


def test_what_a_user_changed_is_left_by_exec(lab: Lab, wheel: Path) -> None:
    prefix = lab.materialize(lab.lock(wheel))
    edited(site_packages(prefix) / "sub/two.py")
    another_boot(lab.store, prefix)
    done = lab.run("exec", prefix, *SHOW)
    assert (done.code, done.out) == (0, "8\n")
    assert "was changed" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_user_changed_is_kept_when_it_is_healed(
    lab: Lab, wheel: Path, damage: Callable[[Path], None]
) -> None:
    prefix = lab.materialize(lab.lock(wheel))
    edited(site_packages(prefix) / "sub/two.py")
    damage(site_packages(prefix) / "one.py")
    another_boot(lab.store, prefix)
    assert lab.run("exec", prefix, *SHOW).out == "3\n"
    (aside,) = (path for path in prefix.parent.iterdir() if "changed" in path.name)
    assert (site_packages(aside) / "sub/two.py").read_text() == "y = 7\n"


def test_many_at_once(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel, lab.wheel("other"))
    prefix = lab.materialize(lock, prefix=None)
    zeroed(site_packages(prefix) / "one.py")
    another_boot(lab.store)
    runs: list[subprocess.Popen[str]] = [lab.start("exec", prefix, *SHOW) for _ in range(8)]
    ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
    assert ends == [(("3\n", ""), 0)] * 8
    assert lab.residue() == []
