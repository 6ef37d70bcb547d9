"""Waiting until nothing else is going on: written data is on the disk, and the processors are idle."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Calm"]

LOOK_S = 0.2
BUSY_CORES = 0.1
BUSY_SECTORS = 400  # in one look: a megabyte a second


@dataclass
class Calm:
    """``patience_s``: how long one wait may take. ``disturbed``: the most cores that others used meanwhile."""

    patience_s: float = 30.0
    disturbed: float = field(default=0.0)

    def wait(self) -> None:
        """Sync, and return when processors and disks are idle, or patience is at an end."""
        os.sync()
        os.sync()  # the first wrote the loop devices' files
        deadline = time.monotonic() + self.patience_s
        while True:
            cores, sectors = _look()
            if cores < BUSY_CORES and sectors < BUSY_SECTORS:
                return
            if time.monotonic() >= deadline:
                break
        self.disturbed = max(self.disturbed, cores)
        # A machine that is busy now will be so at the next hundred waits.
        self.patience_s = min(self.patience_s, 1.0)


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
