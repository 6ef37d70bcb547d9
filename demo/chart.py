"""Bars: how long each stage took, here and there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["Row", "draw"]

WIDTH = 36
COLOURS = {"fastenv": "green", "uv": "magenta"}


@dataclass(frozen=True)
class Row:
    """One bar: ``seconds`` that ``who`` took for ``stage``; ``detail`` is said beside it."""

    stage: str
    who: str
    seconds: float
    detail: str = ""


def draw(console: Console, rows: Sequence[Row]) -> None:
    """Draw the bars of each stage next to each other, all on one scale."""
    longest = max(row.seconds for row in rows)
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(4):
        table.add_column(no_wrap=True, overflow="crop")
    table.add_column(overflow="fold")
    before = ""
    for row in sorted(rows, key=lambda row: _stages(rows).index(row.stage)):
        bar = _bar(row.seconds / longest, plain=not console.is_terminal and console.encoding != "utf-8")
        colour = COLOURS[row.who]
        name = row.stage if row.stage != before else ""
        table.add_row(name, row.who, f"[{colour}]{bar}[/]", f"{row.seconds:.3f} s", f"[dim]{row.detail}[/]")
        before = row.stage
    console.print()
    console.print(table)
    console.print(
        "One run each, over this network and on this disk: a picture, not a benchmark.", style="dim"
    )


def _stages(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.stage for row in rows))


def _bar(share: float, *, plain: bool) -> str:
    eighths = max(1, round(share * WIDTH * 8))
    if plain:
        return "#" * max(1, eighths // 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
