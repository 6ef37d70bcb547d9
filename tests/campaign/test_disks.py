"""Disks that are full, read-only, out of links or over their quota, whenever that strikes.

What can't be had on every machine: there is no device mapper here, so no disk that fails by itself in the middle of a
write, and no NFS; ``test_locks`` has locks that fail as they do there.
"""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.aftermath import Aftermath, leftovers, remove
from tests.lab.lab import Done, Lab
from tests.lab.mounts import break_down, fill, free, loop, repair
from tests.lab.processes import wait_for_end

pytestmark = pytest.mark.root


@pytest.fixture
def disk() -> Iterator[Path]:
    with loop("ext4", megabytes=256, options="loop,errors=remount-ro") as place:
        yield place


def move(lab: Lab, disk: Path) -> Path:
    """Has the store and the environments on this disk; the prefix of this test."""
    lab.root, lab.envs = disk / "root", disk / "envs"
    lab.envs.mkdir()
    return lab.prefix("env")


def refused(aftermath: Aftermath, disk: Path, done: Done, why: str, *words: str) -> None:
    """It ended with a file system's error that names a path there, and left nothing."""
    assert (done.code, done.out) == (6, ""), done
    assert why in done.err
    assert f"{disk}/" in done.err
    prefix = aftermath.lab.prefix("env")
    # Byte code that was asked for is made when the environment stands already.
    if "--compile" in words and prefix.exists():
        aftermath.is_right(prefix)
    else:
        assert not prefix.exists()
    assert leftovers(aftermath.lab, prefix) == []


# Where the space ends: in fetching and unpacking, in linking, in copying, in making byte code.
WAYS: dict[str, list[str]] = {
    "cold": [],
    "cold, no compile": ["--no-compile"],
    "warm": ["--no-compile"],
    "warm, copies": ["--no-compile", "--link-mode", "copy"],
    "warm, compile": ["--compile"],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_disk_that_fills_up(aftermath: Aftermath, disk: Path, way: str, full: bool) -> None:
    """The room that is left is swept from none to enough, so that it ends somewhere else each time."""
    lab, steps = aftermath.lab, 40 if full else 6
    prefix, words = move(lab, disk), WAYS[way]
    is_cold = way.startswith("cold")

    def clear() -> None:
        for path in [prefix, lab.root] if is_cold else [prefix, *(lab.store / "bytecode").glob("*")]:
            remove(path)

    if not is_cold:
        lab.materialize(aftermath.lock, "--no-compile")
    clear()
    with fill(disk, free(disk) - (1 << 20)):
        before = free(disk)
        lab.materialize(aftermath.lock, *words)
        os.sync()
        need = before - free(disk)
    # The large file is there twice for a while: as it arrives, and unpacked.
    most = need * 5 // 2 if full and is_cold else need * 3 // 2
    ends = []
    for step in range(steps):
        clear()
        with fill(disk, most * step // steps):
            done = lab.run("materialize", aftermath.lock, "--prefix", prefix, *words)
            wait_for_end(lab.root)
            ends.append(done.code)
            if done.code == 0:
                aftermath.is_right(prefix)
            else:
                refused(aftermath, disk, done, "No space left on device", *words)
        aftermath.heals(*words, prefix=prefix)
    print(f"{way}: {need >> 10} KiB needed, ended with {ends}")
    assert 6 in ends


def test_a_disk_that_turns_read_only(aftermath: Aftermath, disk: Path, full: bool) -> None:
    """As the kernel does when it finds an error. Nothing can be removed then, so only the next run is clean."""
    lab = aftermath.lab
    prefix, ends = move(lab, disk), []
    lab.index.options.bytes_per_s = 10_000_000 if full else 1_000_000
    begun = time.monotonic()
    lab.materialize(aftermath.lock)
    length, steps = time.monotonic() - begun, 30 if full else 5
    for step in range(steps):
        remove(prefix)
        remove(lab.root)
        process = lab.start("materialize", aftermath.lock, "--prefix", prefix)
        time.sleep(length * (step + 0.5) / steps)
        break_down(disk)
        out, err = process.communicate(timeout=60)
        ends.append(process.returncode)
        assert process.returncode in (0, 6), err
        if process.returncode == 6:
            assert "Read-only file system" in err or "Structure needs cleaning" in err, err
            assert f"{disk}/" in err
            assert out == ""
        repair(disk)
        aftermath.heals(prefix=prefix)
    print(f"ended with {ends}")
    assert 6 in ends


def link_often(file: Path, names: Path) -> None:
    for number in range(70_000):
        os.link(file, names / str(number))


def test_a_store_file_that_has_all_its_links(lab: Lab, disk: Path) -> None:
    """ext4 stops at 65,000: that one file is copied, the others are linked, and so it goes on."""
    wheel = lab.wheel("one", files={"one.py": "x = 1\n", "two.py": "y = 2\n"})
    aftermath = Aftermath.of(lab, wheel)
    prefix = move(lab, disk)
    lab.materialize(aftermath.lock, prefix="first")
    (stored,) = (lab.store / "artifacts").glob("*/tree/site/one.py")
    names = disk / "links"
    names.mkdir()
    with pytest.raises(OSError, match="links") as caught:
        link_often(stored, names)
    assert caught.value.errno == errno.EMLINK
    aftermath.heals(prefix=prefix)
    (copy,) = prefix.glob("lib/*/site-packages/one.py")
    (link,) = prefix.glob("lib/*/site-packages/two.py")
    assert (copy.stat().st_nlink, copy.stat().st_mtime_ns) == (1, stored.stat().st_mtime_ns)
    assert link.stat().st_nlink > 1
    aftermath.heals("--link-mode", "hardlink", prefix=lab.prefix("third"))


def test_a_quota_that_is_used_up(aftermath: Aftermath, full: bool) -> None:
    """A limit of btrfs on a subvolume: told as the file system's error, and all is well once it is lifted."""
    lab = aftermath.lab
    with loop("btrfs", megabytes=512) as place:
        volume = place / "volume"
        btrfs("quota", "enable", place)
        btrfs("subvolume", "create", volume)
        prefix, ends = move(lab, volume), []
        steps = 24 if full else 4
        for step in range(steps):
            # The small set needs about 4 MB, with a floor for what btrfs needs for itself.
            limit(volume, f"{512 + (140_000 if full else 10_000) * step // steps}K")
            done = lab.run("materialize", aftermath.lock, "--prefix", prefix)
            ends.append(done.code)
            if done.code != 0:
                refused(aftermath, volume, done, "Disk quota exceeded")
            limit(volume, "none")
            aftermath.heals(prefix=prefix)
            remove(prefix)
            remove(lab.root)
        print(f"ended with {ends}")
        assert 6 in ends


def limit(volume: Path, size: str) -> None:
    btrfs("qgroup", "limit", size, volume)


def btrfs(*words: str | Path) -> None:
    subprocess.run(["btrfs", *words], check=True, capture_output=True)
