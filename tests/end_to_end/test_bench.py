"""`make bench` still runs: what comes out is another matter."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lab.benches import measure

pytestmark = [pytest.mark.slow, pytest.mark.root]


def test_rows_are_measured_and_nothing_is_left_mounted(tmp_path: Path) -> None:
    rows = ["cold", "warm", "crowd", "memory-warm"]
    told = measure(tmp_path, "benches.against", "small", "--set", "small", "--rows", ",".join(rows))
    assert told.head.endswith("verdict")
    assert sorted(line.split()[0] for line in told.lines) == sorted(rows)
    assert sorted(row["name"] for row in told.rows) == sorted(rows)
    assert not (tmp_path / "room/disks").exists()
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def test_an_edit_is_measured(tmp_path: Path) -> None:
    """The rows of locks, with one project; nothing of theirs is left."""
    options = ["--set", "small", "--rows", "replaced", "--projects", "1"]
    told = measure(tmp_path, "benches.local", "local", *options)
    (line,) = told.lines
    assert line.split()[0] == "replaced"
    (row,) = told.rows
    assert row["rounds"][0]["facts"]["lock_cpu"] > 0
    assert not list((tmp_path / "room").glob("local/*"))
