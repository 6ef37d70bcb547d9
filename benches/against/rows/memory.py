"""The most memory of its own that the process had: RssAnon of /proc/PID/status, looked at every millisecond."""

from __future__ import annotations

from benches.against.figure import Figure
from benches.against.setting import Round

__all__ = ["cold_memory", "warm_memory"]


def cold_memory(turn: Round) -> Figure:
    """While all is fetched and unpacked; on disks of its own, since looking costs time."""
    with turn.setting.pair() as pair:
        prefix = pair.peer.venv()
        ours, peer = turn.in_turn(
            lambda: pair.ours.materialize(turn.ours, pair.ours.prefix(), watch_memory=True),
            lambda: pair.peer.sync(turn.peer, prefix, watch_memory=True),
        )
    return _figure(ours.anonymous_bytes, peer.anonymous_bytes)


def warm_memory(turn: Round) -> Figure:
    """While a new prefix is linked."""
    pair = turn.warm_pair()
    prefix = pair.peer.venv()
    ours, peer = turn.in_turn(
        lambda: pair.ours.materialize(turn.ours, pair.ours.prefix(), watch_memory=True),
        lambda: pair.peer.sync(turn.peer, prefix, "--offline", watch_memory=True),
    )
    return _figure(ours.anonymous_bytes, peer.anonymous_bytes)


def _figure(ours: int, peer: int) -> Figure:
    return Figure(ours / 1e6, [ours / 1e6], [peer / 1e6])
