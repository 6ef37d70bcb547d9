"""Free memory of a virtual machine, kept from its host while we measure.

Hosts take what their guests have freed, and give it back page by page when it is touched again. That can take more
processor time than all else that an environment needs, charged to whoever happens to touch it. No machine of metal
has that cost, and no guest whose memory is in use. But a host takes no less than a whole block at once, and none of
which a page is in use. Linux must not gather those pages in a few blocks meanwhile, and does not as long as its
settings for that say so.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from array import array
from pathlib import Path

__all__ = ["Ballast", "is_guest"]

CHUNK_BYTES = 64 << 20
# As much is left when all is taken. With less the kernel ends somebody.
LEAST_BYTES = 320 << 20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
BLOCK_PAGES = (2 << 20) // PAGE_BYTES  # what Linux reports to its host: 2 MiB and more
# So that no page is moved to make room for larger ones: neither beside what runs nor for it.
SETTINGS = {"compaction_proactiveness": "0", "extfrag_threshold": "1000"}
SETTINGS_DIR = Path("/proc/sys/vm")
FRAME_MASK = (1 << 55) - 1  # proc_pid_pagemap(5)


class Ballast:
    """A page of each block of what was free, so that all the rest stays this machine's, free or not."""

    def __init__(self) -> None:
        self._held: list[Chunk] = []
        self._settings: dict[Path, str] = {}

    def fill(self) -> None:
        """Take all that is free, and give it back but for those pages: a minute or two, once."""
        if self._held:
            return
        self._set()
        while _free() > LEAST_BYTES + CHUNK_BYTES:
            self._held.append(Chunk())
        for chunk in self._held:
            chunk.give()

    def close(self) -> None:
        """Let go of all of it."""
        while self._held:
            self._held.pop().close()
        while self._settings:
            path, before = self._settings.popitem()
            path.write_text(before)

    def _set(self) -> None:
        # Not as an ordinary user, and a kernel may lack them.
        with contextlib.suppress(OSError):
            for name, value in SETTINGS.items():
                path = SETTINGS_DIR / name
                before = path.read_text()
                path.write_text(value)
                self._settings[path] = before


class Chunk:
    """Memory that is touched, in small pages: of large ones no single page can be kept."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, CHUNK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._memory.madvise(mmap.MADV_NOHUGEPAGE)
        self._memory[::PAGE_BYTES] = bytes(CHUNK_BYTES // PAGE_BYTES)
        self._kept = [at for at, frame in enumerate(_frames(self._memory)) if frame % BLOCK_PAGES == 0]

    def give(self) -> None:
        """Let go of it but for a page of each block."""
        at = 0
        for kept in [*self._kept, CHUNK_BYTES // PAGE_BYTES]:
            if kept > at:
                self._memory.madvise(mmap.MADV_DONTNEED, at * PAGE_BYTES, (kept - at) * PAGE_BYTES)
            at = kept + 1

    def close(self) -> None:
        """Let go of all of it."""
        self._memory.close()


def is_guest() -> bool:
    """Whether this is a virtual machine that knows it is one."""
    info = Path("/proc/cpuinfo").read_text()
    return any("hypervisor" in line.split() for line in info.splitlines() if line.startswith("flags"))


def _frames(memory: mmap.mmap) -> list[int]:
    """The numbers of the pages in the machine's memory; where the kernel does not tell, of those in this."""
    first = ctypes.addressof(ctypes.c_char.from_buffer(memory)) // PAGE_BYTES
    entries = array("Q")
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        pagemap.seek(first * entries.itemsize)
        entries.frombytes(pagemap.read(len(memory) // PAGE_BYTES * entries.itemsize))
    frames = [entry & FRAME_MASK for entry in entries]
    return frames if any(frames) else list(range(len(frames)))


def _free() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * PAGE_BYTES
