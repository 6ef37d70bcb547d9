"""`make bench` of conda packages still runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lab.benches import measure
from tests.lab.conda_data import needs_conda_data

pytestmark = [pytest.mark.shared, pytest.mark.slow, needs_conda_data()]


def test_the_rows_are_measured(tmp_path: Path) -> None:
    rows = ["conda-cold", "conda-warm", "conda-crowd", "conda-again"]
    options = ["--conda-set", "cf-libs", "--rows", ",".join(rows)]
    told = measure(tmp_path, "benches.against", "cf-libs", *options)
    assert [row["name"] for row in told.rows] == rows
    assert any(version.startswith("py-rattler==") for version in told.results["versions"])
    assert not (tmp_path / "room/disks").exists()
