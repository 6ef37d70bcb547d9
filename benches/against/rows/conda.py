"""A real conda environment, beside py-rattler: without link scripts and byte code on either side."""

from __future__ import annotations

import contextlib
import fcntl
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benches.against.conda import CondaPair, CondaRound
from benches.against.figure import Figure, ratio
from benches.against.process import BrokenError, Run, Started
from benches.against.rattler import Rattler, installed

__all__ = ["conda_again", "conda_cold", "conda_crowd", "conda_warm"]

TURNS = 3
PROCESSES = 8
TIMES = 21
PEER_TIMES = 5
READY_S = 120.0


def conda_cold(turn: CondaRound) -> Figure:
    """Nothing is there; a channel on the same machine at full speed."""
    pair = turn.kept_pair()
    prefix, other = pair.ours.prefix(), pair.peer.prefix()
    ours, peer = turn.in_turn(
        lambda: pair.ours.materialize(turn.setting.lock, prefix), lambda: pair.peer.install(other)
    )
    turn.check(prefix, other)
    facts = {"ours_cpu_s": ours.cpu_seconds, "peer_cpu_s": peer.cpu_seconds}
    return ratio([ours.seconds], [peer.seconds], facts=facts)


def conda_warm(turn: CondaRound) -> Figure:
    """All is in the store: new prefixes, in turn."""
    pair = turn.warm_pair()
    ours, peer = [], []
    for _ in range(TURNS):
        prefix, other = pair.ours.prefix(), pair.peer.prefix()
        one, another = turn.in_turn(
            lambda prefix=prefix: pair.ours.materialize(turn.setting.lock, prefix),  # type: ignore[misc]
            lambda other=other: pair.peer.install(other),  # type: ignore[misc]
        )
        turn.check(prefix, other)
        ours.append(one.seconds)
        peer.append(another.seconds)
    return ratio(ours, peer)


def conda_crowd(turn: CondaRound) -> Figure:
    """Eight processes and one warm store, each with a prefix of its own: until the last has ended."""
    pair = turn.warm_pair()
    ours, peer = turn.in_turn(lambda: _together(pair, turn.setting.lock), lambda: _let_go(pair.peer))
    return ratio([ours], [peer])


def conda_again(turn: CondaRound) -> Figure:
    """The environment stands already: milliseconds of our whole process; beside it what py-rattler's call takes."""
    pair = turn.warm_pair()
    lock, other = turn.setting.lock, pair.peer.prefix()
    pair.ours.materialize(lock)
    pair.peer.install(other)
    ours, peer = turn.in_turn(
        lambda: [pair.ours.materialize(lock).seconds * 1e3 for _ in range(TIMES)],
        lambda: [pair.peer.install(other).seconds * 1e3 for _ in range(PEER_TIMES)],
    )
    return Figure(statistics.median(ours), ours, peer)


def _together(pair: CondaPair, lock: Path) -> float:
    since = time.perf_counter()
    _ended([pair.ours.start(lock, pair.ours.prefix()) for _ in range(PROCESSES)])
    return time.perf_counter() - since


def _let_go(side: Rattler) -> float:
    """From when they may begin: all of them have been started, and have imported what they need."""
    gate = side.log.with_suffix(".gate")
    gate.touch()
    with _shut(gate):
        started = [side.start(side.prefix(), gate) for _ in range(PROCESSES)]
        _wait_for([log for _, log in started])
        since = time.perf_counter()
    return max(installed(run).ended for run in _ended([process for process, _ in started])) - since


@contextlib.contextmanager
def _shut(gate: Path) -> Iterator[None]:
    with gate.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _wait_for(logs: list[Path]) -> None:
    """Until each says that it is ready; one that does not will tell why when it has ended."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and not all(log.read_text().startswith("ready") for log in logs):
        time.sleep(0.01)


def _ended(started: list[Started]) -> list[Run]:
    """All of them are waited for, whatever the first says."""
    runs, faults = [], []
    for process in started:
        try:
            runs.append(process.end())
        except BrokenError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return runs
