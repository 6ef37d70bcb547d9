"""Files that are not what was written: after power was lost, after a bit has flipped, after an edit in place."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tests.lab.aftermath import Aftermath, remove
from tests.lab.boots import another_boot, cut, emptied, zeroed
from tests.lab.lab import Lab, snapshot
from tests.lab.processes import wait_for_end
from tests.lab.records import site_packages


def made(aftermath: Aftermath, own: bool) -> Path:
    """A fresh store with an environment of all, byte code included."""
    lab = aftermath.lab
    for path in (lab.root, lab.prefix("env")):
        remove(path)
    prefix = lab.materialize(aftermath.lock, "--compile", prefix=None if own else "env")
    wait_for_end(lab.root)
    return prefix


def content_files(folder: Path) -> list[Path]:
    """Plain files that hold something, sorted."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(path for path in found if path.stat().st_size)


@pytest.mark.parametrize("own", [True, False], ids=["in the store", "elsewhere"])
def test_after_power_was_lost_what_is_wrong_is_healed_before_use(
    aftermath: Aftermath, own: bool, full: bool
) -> None:
    """Some files of store and environment are cut, empty or zeros; then comes another boot."""
    lab = aftermath.lab
    for seed in range(30 if full else 3):
        dice = random.Random(seed)
        prefix = made(aftermath, own)
        another_boot(lab.store, prefix)
        files = [*content_files(lab.store), *content_files(prefix)]
        for path in dice.sample(files, dice.choice([1, 3, 20, len(files) // 2])):
            # A file of both has been damaged under its other name, perhaps.
            if path.stat().st_size:
                dice.choice([cut, emptied, zeroed])(path)
        print(f"seed {seed}")
        if dice.random() < 0.5 and (prefix / ".fastenv/state").stat().st_size:
            command = ["--", "python", "-c", "import attr, jinja2, many.n1.m1, sys; print(sys.prefix)"]
            done = lab.run("exec", aftermath.lock if own else prefix, *command)
            # exec of a prefix alone may have nothing left to go by, and says so.
            assert done.code == 0 or (not own and done.code == 125), done
            assert done.out == (f"{prefix}\n" if done.code == 0 else "")
        where = None if own else prefix
        done = lab.run("materialize", aftermath.lock, *([] if own else ["--prefix", where]))
        assert done.code == 0, done.err
        # What no environment of this lock needs is looked at by the verb that looks at everything.
        lab.run("store", "verify")
        aftermath.heals("--compile", prefix=where)


def flip(path: Path, dice: random.Random) -> None:
    """One bit, and neither size nor time nor mode."""
    meta = path.stat()
    content = bytearray(path.read_bytes())
    at = dice.randrange(len(content))
    content[at] ^= 1 << dice.randrange(8)
    path.chmod(0o600)
    with path.open("r+b") as stream:
        stream.write(content)
    path.chmod(meta.st_mode & 0o777)
    os.utime(path, ns=(meta.st_atime_ns, meta.st_mtime_ns))


@pytest.mark.parametrize("through_prefix", [False, True], ids=["in the store", "through a hard link"])
def test_rot_is_found_named_and_healed(aftermath: Aftermath, through_prefix: bool, full: bool) -> None:
    """verify names it and changes nothing; store verify heals it, and each environment that links it is rebuilt."""
    lab = aftermath.lab
    for seed in range(20 if full else 2):
        dice = random.Random(seed)
        prefix = made(aftermath, own=False)
        other = lab.materialize(aftermath.lock, prefix=None)
        path = rotten(lab, prefix, dice, through_prefix)
        print(f"seed {seed}: {path}")
        before = snapshot(prefix)
        for one in (prefix, other):
            done = lab.run("verify", one, "--full")
            assert done.code == 1, done
            assert path.name in done.out
        assert snapshot(prefix) == before
        done = lab.run("store", "verify")
        assert done.code == 1, done
        assert path.name in done.out
        assert lab.run("store", "verify").code == 0
        # One by materialize, one by exec.
        assert lab.run("exec", other, "--", "true").code == 0
        aftermath.is_right(other)
        aftermath.heals(prefix=prefix)
        assert not [left for left in prefix.parent.iterdir() if "changed" in left.name]


def rotten(lab: Lab, prefix: Path, dice: random.Random, through_prefix: bool) -> Path:
    """A file that store and environments share, with a bit turned."""
    if through_prefix:
        shared = [path for path in content_files(site_packages(prefix)) if path.stat().st_nlink > 1]
        path = dice.choice([path for path in shared if path.suffix == ".py"])
    else:
        trees = (lab.store / "artifacts").glob("*/tree/site")
        path = dice.choice([path for tree in trees for path in content_files(tree) if path.suffix == ".py"])
    flip(path, dice)
    return path
