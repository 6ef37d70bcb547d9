"""Free memory of a virtual machine, kept from its host while we measure.

Hosts take what their guests have freed, and give it back page by page when it is touched again. That can take more
processor time than all else that an environment needs, charged to whoever happens to touch it. No machine of metal
has that cost, and no guest whose memory is in use.
"""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path

__all__ = ["Ballast", "is_guest"]

CHUNK_BYTES = 64 << 20
# As much stays free: enough for what is asked for between two looks, and little that the host could take.
FREE_BYTES = 512 << 20
LOOK_S = 0.01
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Ballast:
    """Holds nearly all free memory, touched, and lets go of it as others need it."""

    def __init__(self) -> None:
        self._held: list[mmap.mmap] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._giver = threading.Thread(target=self._give, name="ballast", daemon=True)
        self._giver.start()

    def fill(self) -> None:
        """Take what is free: minutes the first time, seconds after a run."""
        with self._lock:
            while _free() > FREE_BYTES + CHUNK_BYTES:
                self._held.append(_touched())

    def close(self) -> None:
        """Let go of all of it."""
        self._closing.set()
        self._giver.join()
        with self._lock:
            while self._held:
                self._held.pop().close()

    def _give(self) -> None:
        while not self._closing.wait(LOOK_S):
            with self._lock:
                while self._held and _free() < FREE_BYTES:
                    self._held.pop().close()


def is_guest() -> bool:
    """Whether this is a virtual machine that knows it is one."""
    info = Path("/proc/cpuinfo").read_text()
    return any("hypervisor" in line.split() for line in info.splitlines() if line.startswith("flags"))


def _touched() -> mmap.mmap:
    chunk = mmap.mmap(-1, CHUNK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Large pages, if there are any, are given back in no time.
    chunk.madvise(mmap.MADV_HUGEPAGE)
    chunk[::PAGE_BYTES] = bytes(CHUNK_BYTES // PAGE_BYTES)
    return chunk


def _free() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * PAGE_BYTES
