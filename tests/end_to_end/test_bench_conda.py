"""`make bench` of conda packages still runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.conda_data import needs_conda_data

pytestmark = [pytest.mark.shared, pytest.mark.slow, needs_conda_data()]


def test_the_rows_are_measured(tmp_path: Path, repository: Path) -> None:
    rows = ["conda-cold", "conda-warm", "conda-crowd", "conda-again"]
    command = [sys.executable, "-m", "benches.against", "--conda-set", "cf-libs", "--rounds", "1"]
    ended = subprocess.run(
        [*command, "--patience", "0", "--rows", ",".join(rows), "--results", tmp_path / "results"],
        cwd=repository,
        env={**os.environ, "FASTENV_BENCH_DIR": str(tmp_path / "room")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode in (0, 1), ended.stderr
    (kept,) = (tmp_path / "results").glob("*-cf-libs.json")
    told = json.loads(kept.read_text())
    assert [row["name"] for row in told["rows"]] == rows
    assert all(row["why"] is None and row["rounds"] for row in told["rows"]), told
    assert any(version.startswith("py-rattler==") for version in told["versions"])
    assert not (tmp_path / "room/disks").exists()
