"""The table that is printed. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benches.against.figure import Figure, Outcome

__all__ = ["table"]

HEAD = ("row", "case", "unit", "limit", "stretch", "rounds", "median", "ours", "peer", "verdict")


def table(outcomes: Sequence[Outcome]) -> str:
    """Aligned columns, a line a row; what was left out says why."""
    lines = [HEAD, *map(_cells, outcomes)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(outcome: Outcome) -> tuple[str, ...]:
    row = outcome.row
    rounds = " ".join(number(figure.value) for figure in outcome.figures)
    verdict = outcome.verdict
    if outcome.figures and outcome.within not in (0, len(outcome.figures)):
        verdict += f" ({outcome.within} of {len(outcome.figures)} rounds)"
    if outcome.reason:
        verdict += f": {outcome.reason}"
    return (
        row.name,
        row.case,
        row.unit,
        number(row.limit),
        number(row.stretch),
        rounds or "-",
        number(outcome.median),
        number(_middle(outcome.figures, "ours")),
        number(_middle(outcome.figures, "peer")),
        verdict,
    )


def _middle(figures: Sequence[Figure], side: str) -> float | None:
    """The median of all that was measured on one side."""
    values = [value for figure in figures for value in getattr(figure, side)]
    return statistics.median(values) if values else None


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
