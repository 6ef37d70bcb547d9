"""Measurements begin when the machine is as quick as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benches.against import calm
from benches.against.calm import Calm

SERVED_BYTES = 1 << 20

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


def test_what_is_served_is_in_the_page_cache_and_stays_there(takes: Takes, tmp_path: Path) -> None:
    takes([0.1, 0.1])
    served, other = _written(tmp_path / "served"), _written(tmp_path / "other")
    _drop(served)
    _drop(other)
    if _is_cached(other):
        pytest.skip("this file system does not let go of its pages")
    machine = Calm(served=[served])
    machine.wait()
    _drop(served)
    assert _is_cached(served)
    machine.served = []
    machine.wait()
    _drop(served)
    assert not _is_cached(served)


def test_what_is_empty_can_be_served(takes: Takes, tmp_path: Path) -> None:
    takes([0.1])
    (tmp_path / "empty").touch()
    Calm(served=[tmp_path / "empty"]).wait()


def _written(path: Path) -> Path:
    """A file that an ordinary user may lock."""
    with path.open("wb") as stream:
        stream.write(b"x" * SERVED_BYTES)
        stream.flush()
        os.fsync(stream.fileno())
    return path


def _drop(path: Path) -> None:
    with path.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _is_cached(path: Path) -> bool:
    """Whether its end can be read without waiting. To ask may bring it there: ask once."""
    with path.open("rb") as stream:
        try:
            return os.preadv(stream.fileno(), [bytearray(4096)], SERVED_BYTES - 4096, os.RWF_NOWAIT) == 4096
        except BlockingIOError:
            return False
        except OSError as fault:
            pytest.skip(f"this file system can't tell: {fault}")
