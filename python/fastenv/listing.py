"""Some of many names, for a sentence."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["some_of"]


def some_of(names: Sequence[str], shown: int = 3) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
