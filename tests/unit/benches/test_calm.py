"""Measurements begin when the machine is as quick as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from benches.against import calm
from benches.against.calm import Calm

Takes = Callable[[list[float]], Iterator[float]]


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Takes:
    """An idle machine, on which the same work takes so many seconds each time."""

    def _takes(seconds: list[float]) -> Iterator[float]:
        rest = iter(seconds)
        monkeypatch.setattr(calm, "_work", lambda: next(rest))
        return rest

    monkeypatch.setattr(calm, "_look", lambda: (0.0, 0))
    monkeypatch.setattr("os.sync", lambda: None)
    return _takes


def test_a_slow_phase_is_waited_for(takes: Takes) -> None:
    rest = takes([0.1, 0.2, 0.15, 0.11, 0.3])
    machine = Calm()
    machine.wait()
    machine.wait()
    assert list(rest) == [0.3]
    assert machine.slowed == 1.0


def test_patience_has_an_end_and_results_tell_of_it(takes: Takes) -> None:
    takes([0.1, 0.3, 0.2])
    machine = Calm(patience_s=0.0)
    for _ in range(3):
        machine.wait()
    assert machine.slowed == pytest.approx(3.0)
    assert machine.disturbed == 0.0
