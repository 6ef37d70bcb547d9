"""File systems of their own, for as long as a test needs them; needs root and loop devices."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["break_down", "fill", "free", "loop", "need_root", "repair", "tmpfs"]

_MAKERS = {
    "btrfs": ["mkfs.btrfs", "-q"],
    "ext4": ["mkfs.ext4", "-q", "-F", "-m", "0"],
    "xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"],
}


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can do this")


@contextmanager
def loop(kind: str, *, megabytes: int = 320, options: str = "loop") -> Iterator[Path]:
    """A fresh file system in a file, mounted with ``options``. Skips where it can't be had."""
    need_root()
    if shutil.which(_MAKERS[kind][0]) is None:
        pytest.skip(f"{_MAKERS[kind][0]} is not installed")
    with tempfile.TemporaryDirectory(prefix="fastenv-lab-") as folder:
        image, place = Path(folder, "image"), Path(folder, "mount")
        place.mkdir()
        with image.open("wb") as stream:
            stream.truncate(megabytes << 20)
        subprocess.run([*_MAKERS[kind], image], check=True, stdout=subprocess.DEVNULL)
        with _mounted(["-o", options, str(image)], place):
            yield place


def free(place: Path) -> int:
    """Bytes that can still be written to the file system."""
    stat = os.statvfs(place)
    return stat.f_bavail * stat.f_frsize


@contextmanager
def fill(place: Path, leave: int) -> Iterator[None]:
    """Takes all of a file system but so many bytes, for as long as this lasts."""
    os.sync()  # what is still to be allocated counts
    ballast = place / "ballast"
    with ballast.open("wb") as stream:
        size = free(place) - leave
        while True:
            try:
                os.posix_fallocate(stream.fileno(), 0, max(size, 1))
                break
            except OSError:  # its own map takes a few blocks
                stream.truncate(0)
                size -= 16 << 10
    try:
        yield
    finally:
        ballast.unlink()


def break_down(place: Path) -> None:
    """Has the kernel find an ext4 in disorder: if mounted with ``errors=remount-ro`` it is read-only from now on."""
    Path("/sys/fs/ext4", _device(place), "trigger_fs_error").write_text("a test")


def repair(place: Path) -> None:
    """What an administrator does then: unmounts an ext4 in a file, checks it, and mounts it again."""
    image = Path("/sys/block", _device(place), "loop/backing_file").read_text().rstrip("\n")
    subprocess.run(["umount", place], check=True)
    # It exits 1 where it has repaired something.
    subprocess.run(["e2fsck", "-fy", image], check=False, capture_output=True)
    subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, place], check=True)


def _device(place: Path) -> str:
    number = place.stat().st_dev
    return Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name


@contextmanager
def tmpfs() -> Iterator[Path]:
    """A file system in memory."""
    need_root()
    made = tempfile.TemporaryDirectory(prefix="fastenv-lab-")
    with made as folder, _mounted(["-t", "tmpfs", "tmpfs"], Path(folder)):
        yield Path(folder)


@contextmanager
def _mounted(arguments: list[str], place: Path) -> Iterator[None]:
    mounted = subprocess.run(["mount", *arguments, place], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
