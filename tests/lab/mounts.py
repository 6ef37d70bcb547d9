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

__all__ = ["loop", "need_root", "tmpfs"]

_MAKERS = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "xfs": ["mkfs.xfs", "-q", "-m", "reflink=1"],
}


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can do this")


@contextmanager
def loop(kind: str, *, megabytes: int = 320) -> Iterator[Path]:
    """A fresh file system in a file. Skips where it can't be had."""
    need_root()
    if shutil.which(_MAKERS[kind][0]) is None:
        pytest.skip(f"{_MAKERS[kind][0]} is not installed")
    with tempfile.TemporaryDirectory(prefix="fastenv-lab-") as folder:
        image, place = Path(folder, "image"), Path(folder, "mount")
        place.mkdir()
        with image.open("wb") as stream:
            stream.truncate(megabytes << 20)
        subprocess.run([*_MAKERS[kind], image], check=True, stdout=subprocess.DEVNULL)
        with _mounted(["-o", "loop", str(image)], place):
            yield place


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
