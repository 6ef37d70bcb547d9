"""Free memory is held while nothing is measured, and is there when it is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from benches.against import ballast
from benches.against.ballast import Ballast
from benches.against.calm import Calm

MIB = 1 << 20
KEPT = MIB // 512


class Machine:
    """One with so many free bytes when nothing of them is held."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.held = 0

    def take(self) -> Chunk:
        return Chunk(self)


class Chunk:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._bytes = MIB
        machine.held += MIB

    def give(self) -> None:
        self._leave(KEPT)

    def close(self) -> None:
        self._leave(0)

    def _leave(self, count: int) -> None:
        self._machine.held -= self._bytes - count
        self._bytes = count


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    it = Machine(100 * MIB)
    monkeypatch.setattr(ballast, "CHUNK_BYTES", MIB)
    monkeypatch.setattr(ballast, "FREE_BYTES", 20 * MIB)
    monkeypatch.setattr(ballast, "LEAST_BYTES", 10 * MIB)
    monkeypatch.setattr(ballast, "Chunk", it.take)
    monkeypatch.setattr(ballast, "_free", lambda: it.free - it.held)
    yield it
    assert it.held == 0


def test_all_but_a_little_is_held_before_a_measurement(machine: Machine) -> None:
    held = Ballast()
    Calm(ballast=held, patience_s=0.0).wait()
    assert 20 * MIB <= machine.free - machine.held < 21 * MIB
    held.close()


def test_it_is_let_go_as_others_need_it(machine: Machine) -> None:
    held = Ballast()
    held.fill()
    machine.free = 60 * MIB
    deadline = time.monotonic() + 10
    while machine.free - machine.held < 20 * MIB and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 20 * MIB <= machine.free - machine.held < 21 * MIB
    held.close()


def test_what_was_let_go_is_taken_again(machine: Machine) -> None:
    held = Ballast()
    for free in (100, 60, 100):
        machine.free = free * MIB
        held.fill()
        assert 20 * MIB <= machine.free - machine.held < 21 * MIB, free
    held.close()


def test_what_is_held_is_memory_and_a_little_stays_when_it_is_given() -> None:
    before = _resident_bytes()
    chunk = ballast.Chunk()
    assert _resident_bytes() - before > ballast.CHUNK_BYTES / 2
    chunk.give()
    blocks = ballast.CHUNK_BYTES // ballast.PAGE_BYTES // ballast.BLOCK_PAGES
    assert len(chunk._kept) == pytest.approx(blocks, rel=0.5)
    assert _resident_bytes() - before < ballast.CHUNK_BYTES / 4
    chunk.close()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * ballast.PAGE_BYTES
