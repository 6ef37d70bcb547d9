"""The environment stands already: milliseconds of whole processes."""

from __future__ import annotations

import shutil
import statistics

from benches.against.figure import Figure, SkippedError
from benches.against.process import run
from benches.against.setting import Round

__all__ = ["again", "exec_true"]

TIMES = 21
PEER_TIMES = 5


def again(turn: Round) -> Figure:
    """``fastenv-node materialize`` with default options; beside it uv's sync that finds nothing to do."""
    pair = turn.stand()
    prefix = pair.peer.venv()
    pair.peer.sync(turn.peer, prefix, "--offline")
    ours, peer = turn.in_turn(
        lambda: [_ms(pair.ours.materialize(turn.ours, compile_=None).seconds) for _ in range(TIMES)],
        lambda: [_ms(pair.peer.sync(turn.peer, prefix, "--offline").seconds) for _ in range(PEER_TIMES)],
    )
    pair.ours.wait_for_child()
    return Figure(statistics.median(ours), ours, peer)


def exec_true(turn: Round) -> Figure:
    """``fastenv-node exec LOCK -- true`` less a plain ``true``, run in turn."""
    pair = turn.stand()
    true = shutil.which("true")
    if true is None:
        raise SkippedError("there is no program called true")
    turn.setting.calm.wait()
    ours, plain = [], []
    for _ in range(TIMES):
        ours.append(_ms(pair.ours.exec(turn.ours, "true").seconds))
        plain.append(_ms(run([true], pair.ours.env, pair.ours.log).seconds))
    pair.ours.wait_for_child()
    return Figure(statistics.median(ours) - statistics.median(plain), ours, plain)


def _ms(seconds: float) -> float:
    return seconds * 1e3
