"""Wheels of projects, kept until something changes that a build depends on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["BuildCache", "build_key"]

_FORMAT = "1"
_KEPT_S = 30 * 86400.0


def build_key(facts: Iterable[str]) -> str:
    """The name of one build: sha256 (hex) over everything that it depends on."""
    digest = hashlib.sha256(f"fastenv build {_FORMAT}\n".encode())
    for fact in facts:
        digest.update(fact.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class BuildCache:
    """A folder of wheels by key. Losing it costs time only; what was not used for 30 days is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Path | None:
        """The wheel of a build, or None."""
        wheels = sorted((self._folder / key).glob("*.whl"))
        if not wheels:
            return None
        with contextlib.suppress(OSError):
            os.utime(self._folder / key)
        return wheels[0]

    def put(self, key: str, wheel: Path) -> None:
        """Keep a wheel. Silent where that can't be."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            room = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
            shutil.copy2(wheel, room / wheel.name)
            try:
                room.rename(self._folder / key)
            except OSError:  # another run was faster
                shutil.rmtree(room, ignore_errors=True)
            self._clear()
        except OSError:
            pass

    def _clear(self) -> None:
        for place in self._folder.iterdir():
            if place.stat().st_mtime < time.time() - _KEPT_S:
                shutil.rmtree(place, ignore_errors=True)
