"""How often the kernel is asked, for each file that is linked: it counts more than time on a network file system."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benches.against.figure import Figure, SkippedError
from benches.against.process import run
from benches.against.setting import Round
from benches.against.sides import Side

__all__ = ["counted", "syscalls"]


def syscalls(turn: Round) -> Figure:
    """``strace -c -f`` of a warm run into a new prefix, all calls of all threads and children."""
    strace = shutil.which("strace")
    if strace is None:
        raise SkippedError("strace is not installed (Debian and Ubuntu: apt-get install strace)")
    pair = turn.warm_pair()
    prefix, other = pair.ours.prefix(), pair.peer.venv()
    ours = _calls(strace, pair.ours, pair.ours.words(turn.ours, prefix))
    peer = _calls(strace, pair.peer, pair.peer.words(turn.peer, other, "--offline"))
    linked, its_linked = _linked(prefix), _linked(other)
    figure = ours["total"] / linked
    facts: dict[str, float] = {f"ours_{name}": number for name, number in ours.most_common(9)}
    return Figure(figure, [figure], [peer["total"] / its_linked], {"linked": linked, **facts})


def _calls(strace: str, side: Side, words: Sequence[str | Path]) -> Counter[str]:
    summary = side.log.with_suffix(".strace")
    run([strace, "-c", "-f", "-o", summary, side.program, *words], side.env, side.log)
    return counted(summary.read_text())


def counted(summary: str) -> Counter[str]:
    """Calls by name, and their ``total``, of what ``strace -c`` writes."""
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", summary, flags=re.MULTILINE)
    return Counter({name: int(calls) for calls, name in rows})


def _linked(prefix: Path) -> int:
    """Files that have another name somewhere."""
    return sum(
        os.lstat(os.path.join(folder, name)).st_nlink > 1  # noqa: PTH118 # of 30,000 files
        for folder, _, names in os.walk(prefix)
        for name in names
    )
