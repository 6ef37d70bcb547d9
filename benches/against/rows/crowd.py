"""Eight who want the same environment at once, on one node that has nothing."""

from __future__ import annotations

import time

from benches.against.figure import FailedError, Figure, ratio
from benches.against.process import BrokenError
from benches.against.setting import Round
from benches.against.sides import Fastenv

__all__ = ["crowd"]

PROCESSES = 8
# What one process asks for twice is the end of a file, with its directory: far from another half of it.
ONCE = 1.5
SMALL = 1 << 20


def crowd(turn: Round) -> Figure:
    """From the first's start to the last's end, over one alone. No artifact may be fetched twice."""
    setting = turn.setting
    lock = setting.locks.ours(setting.site.logged)
    with setting.ours() as many, setting.ours() as one:
        turns = turn.in_turn(
            lambda: (_together(many, lock, PROCESSES), setting.site.sent()),
            lambda: (_together(one, lock, 1), setting.site.sent()),
        )
    (eight_s, sent), (one_s, _) = turns
    sizes = {wheel.name: wheel.stat().st_size for wheel in setting.files}
    twice = [name for name, size in sizes.items() if sent[name] > max(ONCE * size, size + SMALL / 2)]
    never = [name for name in sizes if not sent[name]]
    if twice or never:
        raise FailedError(f"{len(twice)} artifacts were fetched more than once, {len(never)} never")
    facts = {"sent_over_size": sum(sent.values()) / sum(sizes.values())}
    return ratio([eight_s], [one_s], facts=facts)


def _together(side: Fastenv, lock: object, processes: int) -> float:
    since = time.perf_counter()
    started = [side.start(lock) for _ in range(processes)]  # type: ignore[arg-type]
    faults = []
    for process in started:
        try:
            process.end()
        except BrokenError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return time.perf_counter() - since
