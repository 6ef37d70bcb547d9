"""The command line: ``python -m benches.local [--rows projects,first] [--rounds 1]``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benches.against import results
from benches.against.bench import take
from benches.against.calm import Calm
from benches.against.figure import Outcome
from benches.against.machine import machine, versions
from benches.against.table import table
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
        for number in range(1, arguments.rounds + 1):
            turn = Round(setting, number)
            for outcome in outcomes:
                if outcome.reason is None:
                    take(outcome, number, partial(MEASURES[outcome.row.name], turn))
        about = _about(setting)
    if setting.calm.disturbed:
        _say(f"warning: others used up to {setting.calm.disturbed:.1f} cores meanwhile")
    if not arguments.no_results:
        _say(f"results: {results.keep(arguments.results, 'local', about, outcomes)}")
    print(table(outcomes))
    return int(any(outcome.passed_a_limit for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.local", description="Locks of what is edited.")
    parser.add_argument("--rows", help=f"names of rows, with commas between: {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--set", choices=["ds", "demo", "small"], default="ds", help="the wheels of first and after"
    )
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
    large = wheels_of(arguments.set)
    small = large if arguments.set == "small" else wheels_of("demo")
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


def _about(setting: Setting) -> dict[str, Any]:
    return {
        "machine": machine("folders on one file system"),
        "versions": versions(node_program(), *_backend().read_text().split()),
        "set": {"name": "local", "small": len(setting.small), "large": len(setting.large)},
        "cores_used_by_others": round(setting.calm.disturbed, 2),
    }


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
