"""Whole processes: how long they took, how much of the processors, and how much memory of their own."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BrokenError", "Run", "Started", "run", "start"]

SAMPLE_S = 0.001


class BrokenError(Exception):
    """A measured process failed. ``told`` is the end of what it printed, for the screen only."""

    def __init__(self, program: str, status: int, told: str) -> None:
        super().__init__(f"{program} ended with status {status}")
        self.told = told


@dataclass(frozen=True)
class Run:
    """A process that has ended well."""

    seconds: float
    cpu_seconds: float  # of itself and of the children that it waited for
    anonymous_bytes: int  # the most that was seen; 0 if nobody looked
    told: str


class Started:
    """A process that runs; its output is in a file that is not on a measured disk."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], log: Path) -> None:
        self._words = [str(word) for word in command]
        self._log = log
        opened = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), opened, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        # Less of our own time in the figure than subprocess takes: some rows count milliseconds.
        self._since = time.perf_counter()
        self._pid = os.posix_spawn(self._words[0], self._words, env, file_actions=actions)

    def end(self, *, watch_memory: bool = False) -> Run:
        """Wait for it; with ``watch_memory``, look at its RssAnon every millisecond meanwhile."""
        peak = self._watch() if watch_memory else 0
        # _watch leaves the process to be waited for here: a zombie holds its status.
        _, status, used = os.wait4(self._pid, 0)
        seconds = time.perf_counter() - self._since
        code = os.waitstatus_to_exitcode(status)
        told = self._log.read_text(errors="replace")
        if code != 0:
            raise BrokenError(Path(self._words[0]).name, code, told[-2000:])
        return Run(seconds, used.ru_utime + used.ru_stime, peak, told)

    def _watch(self) -> int:
        peak = 0
        path = Path(f"/proc/{self._pid}/status")
        while True:
            anonymous = re.search(r"^RssAnon:\s+(\d+) kB", path.read_text(), flags=re.MULTILINE)
            if anonymous is None:  # a zombie has no memory
                return peak
            peak = max(peak, int(anonymous[1]) * 1024)
            time.sleep(SAMPLE_S)


def start(command: Sequence[str | Path], env: Mapping[str, str], log: Path) -> Started:
    """Start a program, by its absolute path."""
    return Started(command, env, log)


def run(
    command: Sequence[str | Path], env: Mapping[str, str], log: Path, *, watch_memory: bool = False
) -> Run:
    """Run a program to its end."""
    return start(command, env, log).end(watch_memory=watch_memory)
