"""`make bench` still runs: what comes out is another matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ds, pytest.mark.slow, pytest.mark.root]


def test_rows_are_measured_and_nothing_is_left_mounted(tmp_path: Path, repository: Path) -> None:
    rows = ["cold", "warm", "crowd", "memory-warm"]
    command = [sys.executable, "-m", "benches.against", "--set", "demo", "--rounds", "1", "--patience", "0"]
    results = tmp_path / "results"
    ended = subprocess.run(
        [*command, "--rows", ",".join(rows), "--results", results],
        cwd=repository,
        env={**os.environ, "FASTENV_BENCH_DIR": str(tmp_path / "room")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode in (0, 1), ended.stderr
    head, *lines = ended.stdout.splitlines()
    assert head.endswith("verdict")
    assert sorted(line.split()[0] for line in lines) == sorted(rows)
    (kept,) = results.glob("*-demo.json")
    told = json.loads(kept.read_text())
    assert all(row["why"] is None and row["rounds"] for row in told["rows"])
    assert str(tmp_path) not in kept.read_text()
    assert not (tmp_path / "room/disks").exists()
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def test_an_edit_is_measured(tmp_path: Path, repository: Path) -> None:
    """The rows of locks, with one project; nothing of theirs is left."""
    command = [sys.executable, "-m", "benches.local", "--set", "demo", "--rounds", "1", "--patience", "0"]
    results = tmp_path / "results"
    ended = subprocess.run(
        [*command, "--rows", "replaced", "--projects", "1", "--results", results],
        cwd=repository,
        env={**os.environ, "FASTENV_BENCH_DIR": str(tmp_path / "room")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode in (0, 1), ended.stderr
    _, line = ended.stdout.splitlines()
    assert line.split()[0] == "replaced"
    (kept,) = results.glob("*-local.json")
    (row,) = json.loads(kept.read_text())["rows"]
    assert row["why"] is None
    assert row["rounds"][0]["facts"]["lock_cpu"] > 0
    assert str(tmp_path) not in kept.read_text()
    assert not list((tmp_path / "room").glob("local/*"))
