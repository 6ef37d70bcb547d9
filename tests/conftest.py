"""What every test shares: which kinds must not be skipped, and no settings of whoever runs them."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.index_server import IndexServer
from tests.lab.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# `FASTENV_REQUIRE=root,shared`: a skipped test with one of these marks has not been run, and fails.
_REQUIRED = frozenset(filter(None, os.environ.get("FASTENV_REQUIRE", "").split(",")))

# A job that a shell started in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _ignored in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_ignored, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--campaign-size",
        choices=("small", "full"),
        default="small",
        help="how long tests/campaign goes on, and how large the sets of tests/end_to_end are",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    kinds = _REQUIRED.intersection(mark.name for mark in item.iter_markers())
    if report.skipped and kinds and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"FASTENV_REQUIRE names {', '.join(sorted(kinds))}, and this was skipped: {reason}"
    return report


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no FASTENV_ setting of whoever runs it, but the two that say what to run; no byte code is made."""
    for name in os.environ:
        if name.startswith("FASTENV_") and name not in ("FASTENV_CONDA_DATA", "FASTENV_REQUIRE"):
            monkeypatch.delenv(name)
    # Byte code takes seconds of all processors: the tests that are about it turn it on.
    monkeypatch.setenv("FASTENV_NO_COMPILE", "1")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all is to be done, for as long as it takes."""
    return bool(request.config.getoption("--campaign-size") == "full")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of this checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def fake_node_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of fastenv-node that says how it was called."""
    program = tmp_path / "fastenv-node"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("FASTENV_NODE", str(program))
    return program


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An index of generated wheels, a store, and the programs."""
    (tmp_path / "wheels").mkdir()
    with IndexServer(tmp_path / "wheels") as index:
        yield Lab(tmp_path, index)
