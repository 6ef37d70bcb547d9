"""What is shown while one waits: on a terminal, in a log, to a program."""

from __future__ import annotations

import json
import os
import pty
import sys
from contextlib import suppress

import pytest

from fastenv import progress
from fastenv.event import Event
from fastenv.progress import bytes_text, show

RUN = [
    Event("plan", done=6, total=36, total_bytes=120_000_000),
    Event("progress", done=10, total=36, done_bytes=40_000_000, total_bytes=120_000_000),
    Event("warning", package="foo", message="its RECORD lies"),
    Event("stage", stage="link", seconds=0.314),
    Event("building", package="mine", message="/src/mine"),
    Event("packed", package="mine", message="built in 2.0 s"),
]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_400_000, "123.4 MB"), (2_000_000_000, "2.0 GB")],
)
def test_bytes(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_lines_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with show("materialize") as tell:
        for event in RUN:
            tell(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "materialize: 36 packages, 30 to fetch, 120.0 MB",
        "warning: foo: its RECORD lies",
        "materialize: link took 0.31 s",
        "materialize: building mine",
        "materialize: mine: built in 2.0 s",
    ]


def test_a_long_wait_has_lines_between(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    with show("materialize") as tell:
        tell(RUN[1])
    assert capsys.readouterr().err == "materialize: 10/36 packages, 40.0 MB of 120.0 MB\n"


def test_nothing_to_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    with show("materialize") as tell:
        tell(Event("plan", done=36, total=36))
    assert capsys.readouterr().err == "materialize: 36 packages, all in the store\n"


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with show("materialize", as_json=True) as tell:
        for event in RUN:
            tell(event)
    out, err = capsys.readouterr()
    assert err == ""
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "plan", "done": 6, "total": 36, "total_bytes": 120_000_000},
        {
            "event": "progress",
            "done": 10,
            "total": 36,
            "done_bytes": 40_000_000,
            "total_bytes": 120_000_000,
        },
        {"event": "warning", "package": "foo", "message": "its RECORD lies"},
        {"event": "stage", "stage": "link", "seconds": 0.314},
        {"event": "building", "package": "mine", "message": "/src/mine"},
        {"event": "packed", "package": "mine", "message": "built in 2.0 s"},
    ]


def everything(terminal: int) -> str:
    """All that was written to a terminal whose other end is closed."""
    parts = []
    with suppress(OSError):  # EIO: that is how a terminal ends
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with show("materialize") as tell:
            for event in RUN:
                tell(event)
    shown = everything(ours)
    assert "foo: its RECORD lies" in shown
    assert "10/36" in shown
    assert "40.0/120.0 MB" in shown
