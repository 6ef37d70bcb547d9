"""The parts of the conda benchmark that can be looked at without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benches.against import conda, rattler
from benches.against.bench import MEASURES
from benches.against.calm import Calm
from benches.against.limits import CONDA, ROWS
from benches.against.process import Run
from benches.against.turns import Turns
from tests.lab.conda_data import Archive, environment, needs_conda_data


def test_every_row_has_its_measure() -> None:
    assert [row.name for row in ROWS] == list(MEASURES)


def test_who_is_first_changes_from_round_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Calm, "wait", lambda _: None)
    orders = []
    for number in (1, 2):
        with Turns(Calm(), number) as turn:
            moments = turn.in_turn(time.perf_counter_ns, time.perf_counter_ns)
        orders.append(moments == tuple(sorted(moments)))
    assert orders == [True, False]


def test_the_peers_figure_is_that_of_its_call() -> None:
    told = 'ready\n{"began": 10.5, "ended": 12.0}\n'
    took = rattler.installed(Run(seconds=9.0, cpu_seconds=3.0, anonymous_bytes=0, told=told))
    assert (took.seconds, took.cpu_seconds) == (1.5, 3.0)


def test_without_the_packages_the_rows_are_left_out(tmp_path: Path, repository: Path) -> None:
    names = [row.name for row in CONDA]
    command = [sys.executable, "-m", "benches.against", "--rounds", "1", "--rows", ",".join(names)]
    ended = subprocess.run(
        command,
        cwd=repository,
        env={**os.environ, "FASTENV_CONDA_DATA": str(tmp_path), "FASTENV_BENCH_DIR": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    reason = "$FASTENV_CONDA_DATA does not name a folder of conda packages"
    assert ended.stderr == f"py36-big: left out, since {reason}\n"
    _, *lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all(line.endswith(f"SKIPPED: {reason}") for line in lines)


@pytest.mark.shared
@needs_conda_data()
def test_both_sides_are_told_of_the_same_archives(tmp_path: Path) -> None:
    archives: list[Archive] = environment("cf-libs")
    base = "http://127.0.0.1:1/files/"
    lock = conda.write_lock(archives, base, tmp_path).read_text()
    rows = json.loads(conda.write_records(archives, base, tmp_path / "records").read_text())
    assert len(rows) == len(archives)
    for row in rows:
        assert f'url = "{row["url"]}"' in lock
        assert f'sha256 = "{row["sha256"]}"' in lock
        assert json.loads(Path(row["index"]).read_text())["name"]
