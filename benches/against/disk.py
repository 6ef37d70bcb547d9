"""Fresh file systems, one for each side of each round.

ext4 creates files many times more slowly for minutes after many were deleted, so nothing is ever measured where
something was deleted before.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path

__all__ = ["Disks"]

GIGABYTES = 16  # sparse: only what is written takes room


class Disks:
    """Gives ext4 file systems in files below ``folder``; without root, folders."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._turn = (folder / "turn").open("wb")
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another run of the benchmarks uses {folder}") from None
        self._folder = folder / "disks"
        self._numbers = count(1)
        self.loops = os.geteuid() == 0 and shutil.which("mkfs.ext4") is not None
        self.clear()
        self._folder.mkdir(parents=True)

    @cached_property
    def kind(self) -> str:
        """What the figures were measured on, for the results."""
        below = subprocess.run(
            ["stat", "--file-system", "--format=%T", self._folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()
        below = "ext4" if below == "ext2/ext3" else below
        if not self.loops:
            return f"folders on {below}"
        with self.fresh() as place:
            return f"ext4 in a file on {below}{'' if _is_direct(place) else ', through its page cache'}"

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """A file system that nobody has written to."""
        place = self._folder / str(next(self._numbers))
        place.mkdir()
        if not self.loops:
            yield place  # kept until the end: see the module
            return
        image = place.with_suffix(".ext4")
        try:
            with image.open("wb") as stream:
                stream.truncate(GIGABYTES << 30)
            # All of it now: what mkfs leaves for later is written while we measure.
            later = "lazy_itable_init=0"
            # What ext4 gives a disk of 128 GB or more: with less, the journal of so small a disk is what is measured.
            journal = "size=1024"
            subprocess.run(["mkfs.ext4", "-q", "-F", "-E", later, "-J", journal, image], check=True)
            _mount(image, place)
            yield place
        finally:
            _unmount(place)
            image.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all of it, also what a killed run left."""
        if self._folder.exists():
            for place in self._folder.iterdir():
                _unmount(place)
            shutil.rmtree(self._folder)

    def close(self) -> None:
        """Remove all of it, and let another run have the folder."""
        self.clear()
        self._turn.close()


def _mount(image: Path, place: Path) -> None:
    """Mount past the page cache of the file system below, where that can do it.

    No real disk has a second page cache, whose copying would be measured along with what writes.
    """
    words = ["losetup", "--find", "--show", "--direct-io=on", str(image)]
    attached = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    device = attached.stdout.strip()
    try:
        subprocess.run(["mount", device, place], check=True)
    finally:
        # Where it is mounted, it goes when that ends.
        subprocess.run(["losetup", "--detach", device], check=True)


def _is_direct(place: Path) -> bool:
    number = place.stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    return (device / "loop/dio").read_text().strip() == "1"


def _unmount(place: Path) -> None:
    if place.is_mount():
        ended = subprocess.run(["umount", place], check=False, stderr=subprocess.DEVNULL)
        if ended.returncode != 0:
            subprocess.run(["umount", "--lazy", place], check=True)
