"""The names that are most like a word, for whoever mistyped it."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(word: str, names: Iterable[str], count: int = 1) -> list[str]:
    """At most ``count`` of ``names``, the most alike first; none if none is like it."""
    import difflib  # for errors alone

    return difflib.get_close_matches(word, sorted(names), n=count)
