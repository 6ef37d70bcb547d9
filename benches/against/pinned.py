"""Files that stay in the page cache."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Pinned", "read"]

MAP_LOCKED = 0x2000  # mmap(2); the module does not name it


class Pinned:
    """Files in the page cache: a kernel may drop pages that nobody has looked at for some minutes, even where there is
    room, and a server that must then read its disk lets all its clients wait.
    """

    def __init__(self) -> None:
        self._held: dict[Path, mmap.mmap] = {}

    def hold(self, files: Sequence[Path]) -> None:
        """Have these there and no others; where the user may not lock so much memory, they are read."""
        for path in self._held.keys() - set(files):
            self._held.pop(path).close()
        for path in files:
            if path in self._held:
                continue
            with path.open("rb", buffering=0) as stream:
                try:
                    flags = mmap.MAP_SHARED | MAP_LOCKED
                    self._held[path] = mmap.mmap(stream.fileno(), 0, flags=flags, prot=mmap.PROT_READ)
                except (OSError, ValueError):
                    read(path)


def read(path: Path) -> None:
    """Have it in the page cache, until the kernel drops it."""
    with path.open("rb", buffering=0) as stream:
        while stream.read(1 << 20):
            pass
