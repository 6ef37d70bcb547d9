"""Real environments: the tree is uv's, to the last byte."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.index_server import IndexServer
from tests.lab.lab import Lab, run, uv
from tests.lab.records import record_faults
from tests.lab.sets import pinned, resolved
from tests.lab.trees import differences, listing

import fastenv

pytestmark = [
    pytest.mark.ds,
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="the pins are those of a Python 3.11"),
]


LARGEST = {"nvidia-nccl-cu12", "xgboost", "numba", "llvmlite", "polars", "polars-runtime-32"}
"""Three quarters of the bytes of the ds set; nothing else requires them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of both sets takes minutes; what the demo has is in the other one, too."""
    full = metafunc.config.getoption("--campaign-size") == "full"
    metafunc.parametrize("set_lab", ["ds", "demo"] if full else ["ds without its largest"], indirect=True)


@pytest.fixture
def set_lab(
    request: pytest.FixtureRequest, tmp_path: Path, repository: Path
) -> Iterator[tuple[Lab, list[Path]]]:
    """A lab whose index has the wheels of a set."""
    if request.param == "demo":
        wheels = resolved(repository / "demo/requirements.txt", "demo")
    else:
        left_out = () if request.param == "ds" else LARGEST
        wheels = pinned(repository / "benches/sets/ds.txt", "ds", without=left_out)
    with IndexServer(wheels[0].parent) as index:
        yield Lab(tmp_path, index), wheels


def test_the_tree_is_that_of_uv(set_lab: tuple[Lab, list[Path]]) -> None:
    lab, wheels = set_lab
    reference = lab.reference(*wheels)
    # Where two wheels share a path, the environment that is there says whose bytes it has.
    contested = {
        row.path: (row.winner, sorted({claim.name for claim in row.claims}))
        for row in fastenv.scan(prefix=reference).contested
        if row.winner is not None
    }
    lock = lab.lock(*wheels, contested=contested)
    prefix = lab.materialize(lock)
    expected = listing(reference)
    assert differences(prefix, expected) == []
    assert record_faults(prefix) == []
    assert lab.run("verify", prefix, "--full").out == ""
    # Warm: the same tree, and nothing crosses the network.
    lab.index.forget()
    assert differences(lab.materialize(lock, prefix="warm"), expected) == []
    assert lab.index.requests == []
    uv("pip", "check", "--python", prefix / "bin/python", env=lab.environ)
    modules = "numpy, pandas, pyarrow, sklearn, dask.dataframe, distributed"
    run([str(prefix / "bin/python"), "-c", f"import {modules}"], env=lab.environ, code=0)
