"""The rows, round by round."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from benches.against.conda import CondaSetting
from benches.against.figure import FailedError, Figure, Outcome, SkippedError
from benches.against.limits import Row
from benches.against.process import BrokenError
from benches.against.rows.again import again, exec_true
from benches.against.rows.cold import cold, default, limited
from benches.against.rows.conda import conda_again, conda_cold, conda_crowd, conda_warm
from benches.against.rows.crowd import crowd
from benches.against.rows.memory import cold_memory, warm_memory
from benches.against.rows.syscalls import syscalls
from benches.against.rows.warm import compiled, imports, warm
from benches.against.setting import Setting
from benches.against.table import number

__all__ = ["measure", "take"]

MEASURES: Mapping[str, Callable[[Any], Figure]] = {
    "cold": cold,
    "default": default,
    "limited": limited,
    "warm": warm,
    "compiled": compiled,
    "again": again,
    "exec": exec_true,
    "import": imports,
    "crowd": crowd,
    "memory-cold": cold_memory,
    "memory-warm": warm_memory,
    "syscalls": syscalls,
    "torch": limited,
    "conda-cold": conda_cold,
    "conda-warm": conda_warm,
    "conda-crowd": conda_crowd,
    "conda-again": conda_again,
}


def measure(setting: Setting | CondaSetting, rows: Sequence[Row], rounds: int) -> list[Outcome]:
    """All rows in each round, so that a machine that changes in the course of it changes all of them."""
    outcomes = [Outcome(row) for row in rows]
    for turn in range(1, rounds + 1):
        with setting.round(turn) as current:
            for outcome in outcomes:
                if outcome.reason is None:
                    take(outcome, turn, partial(MEASURES[outcome.row.name], current))
    return outcomes


def take(outcome: Outcome, turn: int, measured: Callable[[], Figure]) -> None:
    """Add the figure of round ``turn`` to a row, or why it has none; and say so on standard error."""
    since = time.monotonic()
    try:
        outcome.figures.append(measured())
    except SkippedError as reason:
        outcome.skipped = str(reason)
    except FailedError as fault:
        outcome.broken = str(fault)
    except BrokenError as fault:
        outcome.broken = str(fault)
        sys.stderr.write(f"{fault.told}\n")
    told = outcome.reason or number(outcome.figures[-1].value)
    sys.stderr.write(f"round {turn}, {outcome.row.name}: {told} ({time.monotonic() - since:.0f} s)\n")
