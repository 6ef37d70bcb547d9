"""What one row came to: a figure a round, and the verdict on all of them. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from benches.against.limits import Row

__all__ = ["FailedError", "Figure", "Outcome", "SkippedError", "ratio"]

MET, STRETCH, NOT_MET, SKIPPED = "MET", "MET, stretch too", "NOT MET", "SKIPPED"


class SkippedError(Exception):
    """A row cannot be measured here; the message says why, in words for any reader."""


class FailedError(Exception):
    """A row was measured, and something that must hold did not; the message says what, in words for any reader."""


@dataclass(frozen=True)
class Figure:
    """One round of a row: the figure, and the raw measurements it was made of."""

    value: float
    ours: list[float]
    peer: list[float] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)


@dataclass
class Outcome:
    """All rounds of a row."""

    row: Row
    figures: list[Figure] = field(default_factory=list)
    skipped: str | None = None
    broken: str | None = None

    @property
    def median(self) -> float | None:
        """The middle of the rounds' figures."""
        return statistics.median(figure.value for figure in self.figures) if self.figures else None

    @property
    def within(self) -> int:
        """How many rounds were at or under the limit."""
        return sum(figure.value <= self.row.limit for figure in self.figures)

    @property
    def verdict(self) -> str:
        """By the median. A row that broke is not met, whatever its other rounds said."""
        if self.broken is not None:
            return NOT_MET
        if self.median is None:
            return SKIPPED
        if self.median > self.row.limit:
            return NOT_MET
        return STRETCH if self.row.stretch is not None and self.median <= self.row.stretch else MET

    @property
    def passed_a_limit(self) -> bool:
        """Whether the whole has failed because of this row."""
        return self.verdict == NOT_MET

    @property
    def reason(self) -> str | None:
        """Why there is no figure."""
        return self.broken or self.skipped


def ratio(ours: list[float], peer: list[float], *, facts: dict[str, float] | None = None) -> Figure:
    """The figure of two sides that took turns: median over median."""
    return Figure(statistics.median(ours) / statistics.median(peer), ours, peer, facts or {})
