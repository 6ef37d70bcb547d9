"""Waiting until nothing else is going on: data is on the disk, processors are idle and as quick as they were, memory
is at hand."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benches.against.ballast import Ballast
from benches.against.pinned import Pinned

__all__ = ["Calm"]

LOOK_S = 0.2
BUSY_CORES = 0.1
BUSY_SECTORS = 400  # in one look: a megabyte a second
SLOW = 1.15  # times the shortest time of the same work
WORK_BYTES = 32 << 20  # hashed by each processor: a tenth of a second


@dataclass
class Calm:
    """``patience_s``: how long one wait may take. ``served``: the files that must be in the page cache. ``ballast``:
    what holds free memory, if it must be held.
    ``disturbed``: the most cores that others used meanwhile.
    ``slowed``: how many times longer than at best the same work took when a measurement began all the same.
    """

    patience_s: float = 30.0
    ballast: Ballast | None = None
    served: Sequence[Path] = ()
    disturbed: float = field(default=0.0)
    slowed: float = field(default=1.0)
    _best_s: float = field(default=math.inf)
    _pinned: Pinned = field(default_factory=Pinned)

    def wait(self) -> None:
        """Have what is served and free memory at hand, sync, and return when processors and disks are idle and quick,
        or patience is at an end.
        """
        self._pinned.hold(self.served)
        if self.ballast is not None:
            self.ballast.fill()
        os.sync()
        os.sync()  # the first wrote the loop devices' files
        deadline = time.monotonic() + self.patience_s
        while True:
            cores, sectors = _look()
            is_idle = cores < BUSY_CORES and sectors < BUSY_SECTORS
            slowness = self._slowness() if is_idle else 1.0
            if is_idle and slowness < SLOW:
                return
            if time.monotonic() >= deadline:
                break
        if is_idle:
            self.slowed = max(self.slowed, slowness)
            return
        self.disturbed = max(self.disturbed, cores)
        # A machine that is busy now will be so at the next hundred waits.
        self.patience_s = min(self.patience_s, 1.0)

    def _slowness(self) -> float:
        """A virtual machine's neighbours slow it, and nothing here tells of them but how long things take."""
        taken_s = _work()
        self._best_s = min(self._best_s, taken_s)
        return taken_s / self._best_s


def _work() -> float:
    """Seconds that the same work takes on all processors at once."""
    data = b"x" * WORK_BYTES  # zeros would all be one page
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        since = time.monotonic()
        list(pool.map(hashlib.sha256, [data] * (os.cpu_count() or 1)))
        return time.monotonic() - since


def _look() -> tuple[float, int]:
    """Cores used, and sectors read and written on all disks, in a moment."""
    cpu, disk = _cpu_ticks(), _sectors()
    time.sleep(LOOK_S)
    ticks = _cpu_ticks() - cpu
    return ticks / os.sysconf("SC_CLK_TCK") / LOOK_S, _sectors() - disk


def _cpu_ticks() -> int:
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return user + nice + system + irq + softirq


def _sectors() -> int:
    rows = [line.split() for line in Path("/proc/diskstats").read_text().splitlines()]
    return sum(int(row[5]) + int(row[9]) for row in rows)
