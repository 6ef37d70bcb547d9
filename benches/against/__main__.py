"""The command line: ``python -m benches.against [--rows cold,warm] [--rounds 1] [--set ds]``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.against import conda, results
from benches.against.ballast import Ballast, is_guest
from benches.against.bench import measure
from benches.against.calm import Calm
from benches.against.conda import CondaSetting
from benches.against.disk import Disks
from benches.against.figure import Outcome
from benches.against.limits import CONDA, ROWS, TORCH, WHEELS, Row
from benches.against.locks import Locks, made_lock
from benches.against.machine import machine, versions
from benches.against.setting import Setting
from benches.against.site import measured_rate, serve
from benches.against.table import table
from benches.against.wheels import ROOT, SETS, is_there, wheels_of
from tests.lab.conda_data import data, environment
from uv import find_uv_bin

from fastenv import node_program

PATIENCE = "seconds to wait for a calm machine; with 0 a virtual machine's memory is not prepared either"


def main() -> int:
    """0 if no limit was passed."""
    arguments = _arguments()
    # A terminated run unmounts its disks too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = arguments.rows.split(",") if arguments.rows else _all_rows()
    rows = [row for row in ROWS if row.name in names]
    if unknown := set(names) - {row.name for row in ROWS}:
        sys.exit(
            f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}"
        )
    outcomes: list[Outcome] = []
    for name, of in ((arguments.set, WHEELS), ("torch", TORCH), (arguments.conda_set, CONDA)):
        if chosen := [row for row in rows if row in of]:
            outcomes += _outcomes(name, chosen, arguments)
    print(table(outcomes))
    return int(any(outcome.passed_a_limit for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benches.against", description="fastenv beside uv and py-rattler."
    )
    parser.add_argument("--rows", help="names of rows, with commas between; all that can be had if left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", choices=[name for name in SETS if name != "torch"], default="ds")
    parser.add_argument("--conda-set", choices=conda.SETS, default="py36-big", help="for the rows of conda")
    parser.add_argument("--patience", type=float, default=30.0, help=PATIENCE)
    parser.add_argument("--results", type=Path, default=ROOT / "benches/results", help="where they are kept")
    parser.add_argument("--no-results", action="store_true", help="keep none")
    return parser.parse_args()


def _all_rows() -> list[str]:
    """Three gigabytes are fetched only for those who ask for them."""
    return [row.name for row in ROWS if row.name != "torch" or is_there("torch")]


def _outcomes(name: str, rows: Sequence[Row], arguments: argparse.Namespace) -> list[Outcome]:
    if name in conda.SETS and data() is None:
        reason = "$FASTENV_CONDA_DATA does not name a folder of conda packages"
        _say(f"{name}: left out, since {reason}")
        return [Outcome(row, skipped=reason) for row in rows]
    return _measured(name, rows, arguments)


def _measured(name: str, rows: Sequence[Row], arguments: argparse.Namespace) -> list[Outcome]:
    with _setting(name, arguments.patience) as setting:
        _say(f"{name}: {len(setting.files)} archives, on {setting.disks.kind}")
        rate = measured_rate(setting.site, setting.files)
        outcomes = measure(setting, rows, arguments.rounds)
        about = _about(name, setting, rate)
    if setting.calm.disturbed:
        _say(
            f"warning: others used up to {setting.calm.disturbed:.1f} cores meanwhile; the figures are coarse"
        )
    if setting.calm.slowed > 1:
        _say(
            f"warning: this machine was up to {setting.calm.slowed:.1f} times slower than at other times; "
            "the figures are coarse"
        )
    if not arguments.no_results:
        _say(f"results: {results.keep(arguments.results, name, about, outcomes)}")
    return outcomes


@contextlib.contextmanager
def _setting(name: str, patience_s: float) -> Iterator[Setting | CondaSetting]:
    folder = Path(os.environ.get("FASTENV_BENCH_DIR") or ROOT / ".bench").resolve()
    disks = Disks(folder)
    if not disks.loops:
        _say("warning: not root, or no mkfs.ext4: both sides share a file system, and the figures are coarse")
    ballast = Ballast() if patience_s > 0 and is_guest() else None
    room = _Room(disks, Calm(patience_s, ballast), node_program().resolve(), folder)
    try:
        with (_conda if name in conda.SETS else _wheels)(name, room) as setting:
            yield setting
    finally:
        disks.close()
        if ballast is not None:
            ballast.close()


@dataclass(frozen=True)
class _Room:
    disks: Disks
    calm: Calm
    node: Path
    folder: Path


@contextlib.contextmanager
def _wheels(name: str, room: _Room) -> Iterator[Setting]:
    wheels = wheels_of(name)
    lock = made_lock(name, wheels, room.disks, room.folder / "locks")
    locks = Locks(name, lock, room.folder / "locks-here")
    room.calm.served = wheels
    with serve(wheels, room.folder / "site") as site:
        yield Setting(wheels, site, **vars(room), locks=locks, uv=Path(find_uv_bin()))


@contextlib.contextmanager
def _conda(name: str, room: _Room) -> Iterator[CondaSetting]:
    archives = environment(name)
    paths = [it.path for it in archives]
    room.calm.served = paths
    with serve(paths, room.folder / "site") as site:
        lock = conda.write_lock(archives, site.full, room.folder / "conda")
        records = conda.write_records(archives, site.full, room.folder / "conda/records")
        yield CondaSetting(paths, site, **vars(room), lock=lock, records=records)


def _about(name: str, setting: Setting | CondaSetting, rate: float) -> dict[str, Any]:
    sizes = [path.stat().st_size for path in setting.files]
    kind = "wheels" if isinstance(setting, Setting) else "packages"
    return {
        "machine": machine(setting.disks.kind),
        "versions": versions(setting.node, setting.peer, setting.site.software),
        "set": {"name": name, kind: len(sizes), "bytes": sum(sizes)},
        "limited_bytes_per_s": round(rate),
        "cores_used_by_others": round(setting.calm.disturbed, 2),
        "slower_than_at_best": round(setting.calm.slowed, 2),
        "memory_held": setting.calm.ballast is not None,
    }


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
