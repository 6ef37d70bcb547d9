"""Environments that somebody changed, moved, or that are to become others."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest
from tests.lab.boots import another_boot
from tests.lab.index_server import Fault
from tests.lab.lab import Lab, run, snapshot
from tests.lab.records import record_faults, site_packages
from tests.lab.trees import differences


@pytest.fixture
def wheel(lab: Lab) -> Path:
    points = {"console_scripts": {"one": "one:main"}}
    files = {"one.py": "x = 1\ndef main(): print('ran')\n", "sub/a.py": ""}
    return lab.wheel("one", files=files, entry_points=points)


def pip_install(lab: Lab, prefix: Path, wheel: Path) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(prefix / "bin/python"), "install"]
    run([*command, "--no-index", "--no-deps", str(wheel)], env=lab.environ, code=0)


def kept(prefix: Path) -> list[Path]:
    """What was set aside beside a prefix."""
    return [
        path for path in prefix.parent.iterdir() if re.fullmatch(rf"{prefix.name}\.changed-\d+", path.name)
    ]


def opened(prefix: Path) -> None:
    """What root may do without, and what a user must do before: make the store's environment writable."""
    for folder in (prefix / "bin", site_packages(prefix)):
        folder.chmod(0o755)


@pytest.mark.parametrize("verb", ["materialize", "exec", "exec the prefix"])
def test_an_environment_of_the_store_is_set_aside_and_made_again(lab: Lab, wheel: Path, verb: str) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, prefix=None)
    published = snapshot(prefix)
    opened(prefix)
    pip_install(lab, prefix, lab.wheel("extra"))
    named = prefix if "prefix" in verb else lock
    words = [named] if verb == "materialize" else [named, "--", "python", "-c", "import one"]
    done = lab.run(verb.split(maxsplit=1)[0], *words)
    assert done.code == 0, done.err
    assert not (site_packages(prefix) / "extra.py").exists()
    assert record_faults(prefix) == []
    (aside,) = kept(prefix)
    assert (site_packages(aside) / "extra.py").exists()
    assert {path for path in snapshot(prefix) if not path.endswith(".pyc")} == published.keys()
    assert lab.run("verify", prefix, "--full").out == ""


def test_exec_runs_a_users_environment_as_it_is(lab: Lab, wheel: Path) -> None:
    prefix = lab.materialize(lab.lock(wheel))
    pip_install(lab, prefix, lab.wheel("extra"))
    before = snapshot(prefix)
    done = lab.run("exec", prefix, "--", "python", "-B", "-c", "import extra, one; print('both')")
    assert (done.code, done.out) == (0, "both\n")
    (line,) = done.err.splitlines()
    assert str(prefix) in line
    assert "changed" in line
    assert snapshot(prefix) == before


def test_materialize_restores_a_users_environment_and_keeps_the_changed_one(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock)
    pip_install(lab, prefix, lab.wheel("extra"))
    done = lab.run("materialize", lock, "--prefix", prefix)
    assert done.code == 0, done.err
    (aside,) = kept(prefix)
    assert str(aside) in done.err
    assert (site_packages(aside) / "extra.py").exists()
    assert not (site_packages(prefix) / "extra.py").exists()
    assert differences(prefix, lab.reference(wheel)) == []
    assert lab.residue() == []
    # A second change is kept, too, beside the first.
    pip_install(lab, prefix, lab.wheel("extra"))
    lab.materialize(lock)
    assert len(kept(prefix)) == 2


def test_materializing_again_does_nothing(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock)
    before = snapshot(prefix)
    run([str(prefix / "bin/one")], env=lab.environ)
    lab.index.forget()
    done = lab.run("materialize", lock, "--prefix", prefix, "--json")
    assert '"reused":true' in done.out.replace(" ", "")
    after = snapshot(prefix)
    assert {path: row for path, row in after.items() if "__pycache__" not in path} == {
        path: row for path, row in before.items() if "__pycache__" not in path
    }
    assert lab.index.requests == []


def test_another_lock_takes_the_place_of_the_first(lab: Lab, wheel: Path) -> None:
    """What was as published need not be kept."""
    other = lab.wheel("two")
    lab.materialize(lab.lock(wheel))
    prefix = lab.materialize(lab.lock(wheel, other))
    assert (site_packages(prefix) / "two.py").exists()
    prefix = lab.materialize(lab.lock(other))
    assert differences(prefix, lab.reference(other)) == []
    assert kept(prefix) == []
    assert lab.residue() == []


@pytest.mark.parametrize("what", ["a file of mine", "an edit of the same size"])
def test_what_somebody_did_is_kept_where_another_lock_takes_the_place(
    lab: Lab, wheel: Path, what: str
) -> None:
    """Also where installers would not have been: in no folder whose time tells."""
    prefix = lab.materialize(lab.lock(wheel))
    path = prefix / "keep.txt" if what == "a file of mine" else site_packages(prefix) / "one.py"
    text = path.read_text().replace("x = 1", "x = 2") if path.exists() else "mine"
    path.unlink(missing_ok=True)  # an editor's way, which leaves the store's file alone
    path.write_text(text)
    done = lab.run("materialize", lab.lock(lab.wheel("two")), "--prefix", prefix)
    assert done.code == 0, done.err
    (aside,) = kept(prefix)
    assert str(aside) in done.err
    assert (aside / path.relative_to(prefix)).read_text() == text
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [("one.py", "x = 2\ndef main(): print('ran')\n"), ("sub/a.py", "y = 1\n#" + 2000 * "\0")],
    ids=["of the same size", "with zeros, as compiled code has"],
)
def test_what_somebody_did_is_kept_after_another_boot(lab: Lab, wheel: Path, name: str, text: str) -> None:
    """The look at it notes that it was looked at, and not that it is as published."""
    prefix = lab.materialize(lab.lock(wheel))
    path = site_packages(prefix) / name
    path.unlink()
    path.write_text(text)
    another_boot(lab.store, prefix)
    done = lab.run("exec", prefix, "--", "true")
    assert done.code == 0, done
    assert path.read_text() == text
    done = lab.run("materialize", lab.lock(lab.wheel("two")), "--prefix", prefix)
    assert done.code == 0, done.err
    (aside,) = kept(prefix)
    assert (aside / path.relative_to(prefix)).read_text() == text


def test_what_comes_to_the_prefix_meanwhile_is_not_touched(lab: Lab, wheel: Path) -> None:
    """Somebody fills the folder while the wheel is on its way."""
    lock, prefix = lab.lock(wheel), lab.prefix("env")
    lab.index.fault(wheel.name, Fault(delay_s=1.0))
    running = lab.start("materialize", lock, "--prefix", prefix)
    while not lab.index.requests:
        time.sleep(0.01)
    prefix.mkdir()
    (prefix / "mine.txt").write_text("mine")
    _, said = running.communicate(timeout=60)
    assert running.returncode == 6, said
    assert "is not an environment that fastenv made" in said
    assert [path.name for path in prefix.iterdir()] == ["mine.txt"]
    assert lab.residue() == []


@pytest.mark.parametrize("name", ["a:b", "a\nb", "a\udcff"])
def test_a_prefix_that_nothing_can_name(lab: Lab, wheel: Path, name: str) -> None:
    """``PATH`` ends a folder at a colon: the command would be another interpreter's."""
    done = lab.run("materialize", lab.lock(wheel), "--prefix", lab.envs / name)
    assert (done.code, done.out) == (6, ""), done
    assert "can't be a prefix: its name" in done.err
    assert list(lab.envs.iterdir()) == []


def test_a_replaced_file_of_the_same_size_does_not_run_its_old_byte_code(lab: Lab) -> None:
    """Two versions that differ in one byte, one after the other at one prefix, each imported."""
    said = []
    for number in (1, 2):
        wheel = lab.wheel(
            "one", f"{number}.0", files={"one.py": f"x = {number}\n", "p/q.py": f"y = {number}\n"}
        )
        prefix = lab.materialize(lab.lock(wheel))
        text = "import one, p.q; print(one.x, p.q.y)"
        said.append(run([str(prefix / "bin/python"), "-c", text], env=lab.environ).out)
    assert said == ["1 1\n", "2 2\n"]


def test_a_moved_environment_is_made_again_by_materialize(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    lab.materialize(lock).rename(lab.prefix("moved"))
    prefix = lab.materialize(lock, prefix="moved")
    assert run([str(prefix / "bin/one")], env=lab.environ).out == "ran\n"
    assert lab.run("verify", prefix, "--full").code == 0


def test_a_copy_of_an_environment_is_noticed(lab: Lab, wheel: Path) -> None:
    prefix = lab.materialize(lab.lock(wheel))
    shutil.copytree(prefix, lab.prefix("copy"), symlinks=True)
    done = lab.run("exec", lab.prefix("copy"), "--", "echo", "must not run")
    assert (done.code, done.out) == (125, "")


def test_an_interpreter_that_went_away_is_noticed(lab: Lab, wheel: Path) -> None:
    """The environment stands, its python does not: it is made again with the one that is there now."""
    from tests.lab.locks import here

    python = lab.folder / "python"
    base = Path(str(here().executable))
    python.mkdir()
    (python / "bin").mkdir()
    (python / "bin" / base.name).symlink_to(base)
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, "--python", python / "bin" / base.name)
    if (prefix / "bin/python").readlink() == base:
        pytest.skip("this interpreter names its real place")
    shutil.rmtree(python)
    prefix = lab.materialize(lock)
    assert run([str(prefix / "bin/one")], env=lab.environ).out == "ran\n"


def test_durable_gives_the_same_environment(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, "--durable")
    assert differences(prefix, lab.materialize(lock, prefix="other")) == []
    assert lab.run("verify", prefix, "--full").code == 0


@pytest.mark.parametrize("mode", ["auto", "hardlink", "reflink", "copy"])
def test_every_link_mode_gives_the_same_tree(lab: Lab, wheel: Path, mode: str) -> None:
    prefix = lab.materialize(lab.lock(wheel), "--link-mode", mode)
    assert differences(prefix, lab.reference(wheel)) == []
    assert lab.run("verify", prefix, "--full").code == 0
    path = site_packages(prefix) / "one.py"
    linked = path.stat().st_nlink > 1
    assert linked == (mode in ("auto", "hardlink"))
    if mode == "copy":
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


@pytest.mark.parametrize("jobs", ["1", "5"])
def test_threads_and_connections_change_nothing(lab: Lab, wheel: Path, jobs: str) -> None:
    prefix = lab.materialize(lab.lock(wheel), "--jobs", jobs, "--connections", jobs)
    assert differences(prefix, lab.reference(wheel)) == []


def test_a_damaged_artifact_of_the_store_is_fetched_again(lab: Lab, wheel: Path) -> None:
    """An index that can't be read is none."""
    lock = lab.lock(wheel)
    lab.materialize(lock)
    (artifact,) = (lab.store / "artifacts").iterdir()
    index = artifact / "index"
    content = index.read_bytes()
    index.unlink()
    index.write_bytes(content[: len(content) // 2])
    prefix = lab.materialize(lock, prefix="again")
    assert differences(prefix, lab.reference(wheel)) == []
    assert lab.residue() == []


@pytest.mark.parametrize("verb", ["materialize", "exec"])
def test_a_use_is_noted(lab: Lab, wheel: Path, verb: str) -> None:
    """The store's gc goes by it."""
    lock = lab.lock(wheel)
    use = lab.materialize(lock, prefix=None) / ".fastenv/use"
    os.utime(use, (0, 0))
    done = lab.run(verb, lock, *(["--", "true"] if verb == "exec" else []))
    assert done.code == 0, done.err
    assert use.stat().st_mtime > 0


def test_a_file_that_the_store_lost_is_fetched_again(lab: Lab, wheel: Path) -> None:
    """It is missed when it is to be linked."""
    lock = lab.lock(wheel)
    lab.materialize(lock)
    (artifact,) = (lab.store / "artifacts").iterdir()
    (artifact / "tree/site/one.py").unlink()
    prefix = lab.materialize(lock, prefix="again")
    assert differences(prefix, lab.reference(wheel)) == []
    assert lab.residue() == []
