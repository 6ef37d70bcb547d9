"""Nothing is there: everything is fetched, unpacked and linked."""

from __future__ import annotations

from benches.against.figure import Figure, ratio
from benches.against.setting import Pair, Round

__all__ = ["cold", "default", "limited"]


def cold(turn: Round) -> Figure:
    """From an index at full speed. No byte code on either side."""
    return _race(turn, turn.kept_pair(), turn.setting.site.full)


def limited(turn: Round) -> Figure:
    """The same, with a server that gives each connection 25 MB/s."""
    with turn.setting.pair() as pair:
        return _race(turn, pair, turn.setting.site.limited)


def default(turn: Round) -> Figure:
    """Until a command can start, as a user would type it: no option that is not needed."""
    locks, base = turn.setting.locks, turn.setting.site.full
    with turn.setting.pair() as pair:
        prefix = pair.peer.venv()
        ours, peer = turn.in_turn(
            lambda: _exec(pair, turn),
            lambda: pair.peer.sync(locks.peer(base), prefix, default=True),
        )
    return ratio([ours], [peer.seconds])


def _exec(pair: Pair, turn: Round) -> float:
    seconds = pair.ours.exec(turn.ours, "true").seconds
    # The child that was started is not in the figure, and must be in no other.
    pair.ours.wait_for_child()
    return seconds


def _race(turn: Round, pair: Pair, base: str) -> Figure:
    locks, prefix = turn.setting.locks, pair.peer.venv()
    ours, peer = turn.in_turn(
        lambda: pair.ours.materialize(locks.ours(base), pair.ours.prefix()),
        lambda: pair.peer.sync(locks.peer(base), prefix),
    )
    facts = {"ours_cpu_s": ours.cpu_seconds, "peer_cpu_s": peer.cpu_seconds}
    return ratio([ours.seconds], [peer.seconds], facts=facts)
