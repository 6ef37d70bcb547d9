"""Free memory was touched before anything is measured, and is there."""

from __future__ import annotations

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
        self.most = 0

    def take(self) -> Chunk:
        chunk = Chunk(self)
        self.most = max(self.most, self.held)
        return chunk


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
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    it = Machine(100 * MIB)
    monkeypatch.setattr(ballast, "CHUNK_BYTES", MIB)
    monkeypatch.setattr(ballast, "LEAST_BYTES", 10 * MIB)
    monkeypatch.setattr(ballast, "Chunk", it.take)
    monkeypatch.setattr(ballast, "_free", lambda: it.free - it.held)
    monkeypatch.setattr(ballast, "SETTINGS_DIR", Path("/nowhere"))
    return it


def test_before_a_measurement_all_was_touched_and_is_free_but_for_a_little(machine: Machine) -> None:
    held = Ballast()
    for _ in range(2):
        Calm(ballast=held, patience_s=0.0).wait()
        assert machine.most == 89 * MIB
        assert machine.held == 89 * KEPT
    held.close()
    assert machine.held == 0


def test_the_kernels_settings_are_as_before_in_the_end(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine.held == 0
    before = {"compaction_proactiveness": "20\n", "extfrag_threshold": "500\n"}
    for name, value in before.items():
        (tmp_path / name).write_text(value)
    monkeypatch.setattr(ballast, "SETTINGS_DIR", tmp_path)
    held = Ballast()
    held.fill()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ballast.SETTINGS
    held.close()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_what_is_held_is_memory_and_a_little_stays_when_it_is_given() -> None:
    before = _resident_bytes()
    chunk = ballast.Chunk()
    assert _resident_bytes() - before > ballast.CHUNK_BYTES / 2
    chunk.give()
    assert _resident_bytes() - before < ballast.CHUNK_BYTES / 4
    chunk.close()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * ballast.PAGE_BYTES
