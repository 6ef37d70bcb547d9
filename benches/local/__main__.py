"""The command line: ``python -m benches.local [--rows projects,first] [--rounds 1]``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benches.against import results
from benches.against.calm import Calm
from benches.against.figure import FailedError, Outcome
from benches.against.machine import machine, versions
from benches.against.process import BrokenError
from benches.against.table import number, table
from benches.against.wheels import ROOT, wheels_of
from benches.local.ground import Ground
from benches.local.limits import ROWS
from benches.local.rows import MEASURES, Round, Setting
from tests.lab.index_server import IndexServer
from tests.lab.sets import pinned

from fastenv import node_program


def main() -> int:
    """0 if no limit was passed."""
    arguments = _arguments()
    # A terminated run clears its folder too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = arguments.rows.split(",") if arguments.rows else [row.name for row in ROWS]
    if unknown := set(names) - {row.name for row in ROWS}:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    outcomes = [Outcome(row) for row in ROWS if row.name in names]
    with _setting(arguments) as setting:
        for number_ in range(1, arguments.rounds + 1):
            turn = Round(setting, number_)
            for outcome in outcomes:
                if outcome.reason is None:
                    _measure(outcome, turn)
        about = _about(setting)
    if setting.calm.disturbed:
        _say(f"warning: others used up to {setting.calm.disturbed:.1f} cores meanwhile")
    if not arguments.no_results:
        _keep(arguments.results, about, outcomes)
    print(table(outcomes))
    return int(any(outcome.passed_a_limit for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.local", description="Locks of what is edited.")
    parser.add_argument("--rows", help=f"names of rows, with commas between: {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", choices=["ds", "demo"], default="ds", help="the wheels of first and after")
    parser.add_argument("--projects", type=int, default=10, help="how many there are")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for a calm machine")
    parser.add_argument("--results", type=Path, default=ROOT / "benches/results", help="where they are kept")
    parser.add_argument("--no-results", action="store_true", help="keep none")
    return parser.parse_args()


@contextlib.contextmanager
def _setting(arguments: argparse.Namespace) -> Iterator[Setting]:
    folder = Path(os.environ.get("FASTENV_BENCH_DIR") or ROOT / ".bench").resolve() / "local"
    shutil.rmtree(folder, ignore_errors=True)
    served = folder / "served"
    served.mkdir(parents=True)
    small, large = wheels_of("demo"), wheels_of(arguments.set)
    for wheel in {it.name: it for it in (*small, *large, *pinned(_backend(), "backend"))}.values():
        (served / wheel.name).symlink_to(wheel)
    try:
        with IndexServer(served) as index:
            yield Setting(Ground(folder, index), Calm(arguments.patience), small, large, arguments.projects)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _backend() -> Path:
    """What the projects are built with."""
    return ROOT / "benches/sets/backend.txt"


def _measure(outcome: Outcome, turn: Round) -> None:
    name, since = outcome.row.name, time.monotonic()
    try:
        outcome.figures.append(MEASURES[name](turn))
    except FailedError as fault:
        outcome.broken = str(fault)
    except BrokenError as fault:
        outcome.broken = str(fault)
        _say(fault.told)
    told = outcome.reason or number(outcome.figures[-1].value)
    _say(f"round {turn.number}, {name}: {told} ({time.monotonic() - since:.0f} s)")


def _about(setting: Setting) -> dict[str, Any]:
    return {
        "machine": machine("folders on one file system"),
        "versions": versions(node_program(), *_backend().read_text().split()),
        "set": {"name": "local", "small": len(setting.small), "large": len(setting.large)},
        "cores_used_by_others": round(setting.calm.disturbed, 2),
    }


def _keep(folder: Path, about: dict[str, Any], outcomes: Sequence[Outcome]) -> None:
    now = datetime.now(tz=timezone.utc)
    folder.mkdir(exist_ok=True)
    path = folder / results.file_name(now, "local")
    path.write_text(results.text(now, about, outcomes))
    _say(f"results: {path}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
