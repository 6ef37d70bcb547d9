"""Free memory of a virtual machine, kept from its host while we measure.

Hosts take what their guests have freed, and give it back page by page when it is touched again. That can take more
processor time than all else that an environment needs, charged to whoever happens to touch it. No machine of metal
has that cost, and no guest whose memory is in use.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from array import array
from pathlib import Path

__all__ = ["Ballast", "is_guest"]

CHUNK_BYTES = 64 << 20
# As much stays free: enough for what is asked for between two looks.
FREE_BYTES = 768 << 20
# As much is left while the rest is taken; then some is let go again. With less the kernel ends somebody.
LEAST_BYTES = 320 << 20
LOOK_S = 0.01
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Hosts take no less at once (Linux: the order of a page block), so a block of which one page is in use stays.
BLOCK_PAGES = (2 << 20) // PAGE_BYTES
FRAME_MASK = (1 << 55) - 1  # proc_pid_pagemap(5)


class Ballast:
    """Holds nearly all free memory, touched, and lets go of it as others need it."""

    def __init__(self) -> None:
        self._held: list[Chunk] = []
        self._given: list[Chunk] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._giver = threading.Thread(target=self._give, name="ballast", daemon=True)
        self._giver.start()

    def fill(self) -> None:
        """Take what is free: minutes the first time, seconds after a run."""
        with self._lock:
            while self._given:
                self._given.pop().close()
            while _free() > LEAST_BYTES + CHUNK_BYTES:
                self._held.append(Chunk())
            self._give_what_lacks()

    def close(self) -> None:
        """Let go of all of it."""
        self._closing.set()
        self._giver.join()
        with self._lock:
            for chunk in self._held + self._given:
                chunk.close()
            self._held, self._given = [], []

    def _give(self) -> None:
        while not self._closing.wait(LOOK_S):
            with self._lock:
                self._give_what_lacks()

    def _give_what_lacks(self) -> None:
        while self._held and _free() < FREE_BYTES:
            chunk = self._held.pop()
            chunk.give()
            self._given.append(chunk)


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
