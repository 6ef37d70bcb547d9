"""The parts of the benchmark that judge and tell."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from benches import chart
from benches.against import results
from benches.against.figure import Figure, Outcome, ratio
from benches.against.limits import ROWS, Row
from benches.against.rows.syscalls import counted
from benches.against.table import number, table

ROW = Row("cold", "nothing is there", "x uv", 0.75, 0.6)
DATE = datetime(2026, 11, 21, 6, 5, tzinfo=timezone.utc)
ABOUT: dict[str, Any] = {
    "machine": {"cpu": "A Processor @ 2 GHz", "cores": 2, "file_system": "ext4 in a file on ext4"},
    "versions": ["fastenv==0.1.0", "uv==0.13.8"],
    "set": {"name": "ds", "wheels": 183, "bytes": 844_000_000},
}


def outcome(*values: float, row: Row = ROW) -> Outcome:
    return Outcome(row, [Figure(value, [value], [1.0]) for value in values])


def test_a_ratio_is_of_medians() -> None:
    assert ratio([1.0, 9.0, 2.0], [4.0, 4.0, 100.0]).value == 0.5


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.75,), "MET"),
        ((0.6,), "MET, stretch too"),
        ((0.76,), "NOT MET"),
        ((0.5, 0.9, 0.7), "MET"),
        ((0.5, 0.9, 0.8), "NOT MET"),
    ],
)
def test_the_verdict_is_that_of_the_median(values: tuple[float, ...], verdict: str) -> None:
    assert outcome(*values).verdict == verdict


def test_a_row_without_stretch_is_met() -> None:
    assert outcome(0.1, row=Row("torch", "", "x uv", 0.35)).verdict == "MET"


def test_what_is_skipped_fails_nothing_and_what_broke_does() -> None:
    skipped = Outcome(ROW, skipped="strace is not installed")
    assert (skipped.verdict, skipped.passed_a_limit) == ("SKIPPED", False)
    broken = outcome(0.1)
    broken.broken = "uv ended with status 2"
    assert (broken.verdict, broken.passed_a_limit) == ("NOT MET", True)


def test_the_table_says_how_many_rounds_and_why() -> None:
    head, first, second = table([outcome(0.5, 0.9, 0.7), Outcome(ROW, skipped="no nginx")]).splitlines()
    assert head.split()[0] == "row"
    assert "0.5 0.9 0.7" in first
    assert first.endswith("MET (2 of 3 rounds)")
    assert second.endswith("SKIPPED: no nginx")


@pytest.mark.parametrize(
    ("value", "said"), [(None, "-"), (0.12345, "0.123"), (89.27, "89.3"), (1234.5, "1234")]
)
def test_three_digits_count(value: float | None, said: str) -> None:
    assert number(value) == said


def test_results_are_json_that_sorts_by_date() -> None:
    written = json.loads(results.text(DATE, ABOUT, [outcome(0.5), Outcome(ROW, skipped="no nginx")]))
    assert (written["date"], written["format"]) == ("2026-11-21T06:05:00Z", 1)
    assert written["rows"][0]["rounds"][0] == {"figure": 0.5, "ours": [0.5], "peer": [1.0], "facts": {}}
    assert written["rows"][1]["why"] == "no nginx"
    assert results.file_name(DATE, "ds") == "2026-11-21T06-05-00Z-ds.json"


@pytest.mark.parametrize(
    "text",
    ["/data/x", "see /home/me", "~/bench", "http://index.example/", "127.0.0.1:80", "me@node", "localhost"],
)
def test_results_with_a_path_or_a_host_are_not_written(text: str) -> None:
    with pytest.raises(ValueError, match="not for everyone"):
        results.text(DATE, {**ABOUT, "note": [text]}, [])


def test_committed_results_name_no_host_and_no_path(repository: Path) -> None:
    for path in (repository / "benches/results").glob("*.json"):
        assert list(results.leaks(json.loads(path.read_text()))) == []


def test_what_strace_counted() -> None:
    summary = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 90.21    0.210000           7     28475           linkat
  9.79    0.020000          10      2000       100 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.230000           7     30475       100 total
"""
    assert counted(summary) == {"linkat": 28475, "openat": 2000, "total": 30475}


def test_the_chart_draws_both_sides_of_what_was_measured() -> None:
    rows = {row.name: row for row in ROWS}
    outcomes = [
        Outcome(rows["cold"], [ratio([4.0], [8.0])]),
        Outcome(rows["again"], [Figure(5.0, [5.0], [70.0])]),
        Outcome(rows["limited"], skipped="no nginx"),
        Outcome(rows["syscalls"], [Figure(1.2, [1.2], [2.1])]),
    ]
    svg = chart.chart(json.loads(results.text(DATE, ABOUT, outcomes)))
    tree = ET.fromstring(svg)  # noqa: S314 # our own
    name = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in tree.iter(f"{name}text")]
    assert {"cold", "again", "4.0 s", "8.0 s", "5 ms", "70 ms", "2.0 times as fast", "uv 0.13.8"} <= set(
        texts
    )
    assert "cold, 25 MB/s a connection" not in texts
    bars = [float(bar.attrib["width"]) for bar in tree.iter(f"{name}rect")][2:]
    assert bars[0] == pytest.approx(bars[1] / 2)
    assert tree.attrib["aria-label"] == "cold: fastenv 4.0 s, uv 8.0 s; again: fastenv 5 ms, uv 70 ms"
    assert "prefers-color-scheme: dark" in svg


def test_the_newest_results_of_the_set_that_have_all_are_drawn(tmp_path: Path) -> None:
    everything = [Outcome(row) for row in ROWS]
    for name, outcomes in (
        ("2026-11-20T00-00-00Z-ds.json", everything),
        ("2026-11-21T00-00-00Z-ds.json", everything),
        ("2026-11-22T00-00-00Z-demo.json", everything),
        ("2026-11-23T00-00-00Z-ds.json", everything[:1]),
    ):
        (tmp_path / name).write_text(results.text(DATE, ABOUT, outcomes))
    assert chart.newest(tmp_path).name == "2026-11-21T00-00-00Z-ds.json"
