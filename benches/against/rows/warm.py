"""All is in the store: a new prefix is made."""

from __future__ import annotations

import os
from pathlib import Path

from benches.against.figure import Figure, SkippedError, ratio
from benches.against.pinned import read
from benches.against.setting import Round

__all__ = ["compiled", "imports", "warm"]

TURNS = 3
MODULES = "distributed, pandas, sklearn, pyarrow"


def warm(turn: Round) -> Figure:
    """Without byte code on either side; several prefixes each, in turn."""
    pair = turn.warm_pair()
    ours, peer = [], []
    for _ in range(TURNS):
        prefix = pair.peer.venv()
        one, other = turn.in_turn(
            lambda: pair.ours.materialize(turn.ours, pair.ours.prefix()),
            lambda prefix=prefix: pair.peer.sync(turn.peer, prefix, "--offline"),  # type: ignore[misc]
        )
        ours.append(one.seconds)
        peer.append(other.seconds)
    return ratio(ours, peer)


def compiled(turn: Round) -> Figure:
    """Our store has the byte code of an earlier environment; uv compiles for each environment."""
    _need_byte_code(turn)
    pair = turn.stand()
    prefix = pair.peer.venv()
    ours, peer = turn.in_turn(
        lambda: [
            pair.ours.materialize(turn.ours, pair.ours.prefix(), compile_=None).seconds for _ in range(TURNS)
        ],
        lambda: pair.peer.sync(turn.peer, prefix, "--offline", "--compile-bytecode"),
    )
    pair.ours.wait_for_child()
    return ratio(ours, [peer.seconds])


def imports(turn: Round) -> Figure:
    """The first imports in a new environment over the second: processor time, several environments."""
    _need_byte_code(turn)
    pair = turn.stand()
    first: list[float] = []
    second: list[float] = []
    for _ in range(TURNS):
        prefix = pair.ours.prefix()
        pair.ours.materialize(turn.ours, prefix, compile_=None)
        pair.ours.wait_for_child()
        turn.setting.calm.wait()
        _read_all(pair.ours.store)
        for took in (first, second):
            took.append(pair.ours.python(prefix, f"import {MODULES}").cpu_seconds)
    return ratio(first, second)


def _read_all(store: Path) -> None:
    """As whoever wrote it left it: while the child made byte code the kernel may have dropped some of it. By other
    names than those of the environment, so that nobody has looked those up yet.
    """
    for folder, _, names in os.walk(store):
        for name in names:
            read(Path(folder, name))


def _need_byte_code(turn: Round) -> None:
    if not turn.setting.has("--compile"):
        raise SkippedError("this fastenv-node makes no byte code")
