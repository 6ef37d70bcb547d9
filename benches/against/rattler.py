"""The other side of the conda rows: py-rattler's ``install`` of a list of records."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.against.process import Started, run, start
from benches.against.sides import Side

__all__ = ["Installed", "Rattler", "installed"]

PROGRAM = Path(__file__).with_name("rattler_process.py")


@dataclass(frozen=True)
class Installed:
    """What one installation took: from ``began`` to ``ended``, seconds of the clock that all processes share.

    The start of the interpreter, its imports and the reading of the records are not in it; they are in ``cpu_seconds``.
    """

    began: float
    ended: float
    cpu_seconds: float

    @property
    def seconds(self) -> float:
        """Of py-rattler's own."""
        return self.ended - self.began


@dataclass
class Rattler(Side):
    """``program`` is the interpreter that has py-rattler; ``records`` a file with what it is to install."""

    records: Path = field(default_factory=Path)

    def install(self, prefix: Path) -> Installed:
        """Install all of it at ``prefix``."""
        return installed(run(self.words(prefix), self.env, self.log))

    def start(self, prefix: Path, gate: Path) -> tuple[Started, Path]:
        """Get ready to, say so in the log that is returned, and wait for a shared lock of ``gate``."""
        log = self.log.with_suffix(f".{next(self._names)}")
        log.write_text("")
        return start([*self.words(prefix), gate], self.env, log), log

    def words(self, prefix: Path) -> list[str | Path]:
        """The command."""
        return [self.program, "-I", PROGRAM, self.records, prefix, self.disk / "cache"]


def installed(ended: Any) -> Installed:
    """What a process has told before its end."""
    clock: Mapping[str, float] = json.loads(ended.told.strip().splitlines()[-1])
    return Installed(clock["began"], clock["ended"], ended.cpu_seconds)


def interpreter() -> Path:
    """The one that runs this."""
    return Path(sys.executable)
