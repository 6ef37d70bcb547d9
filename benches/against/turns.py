"""Two sides, one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from benches.against.calm import Calm
from typing_extensions import Self

__all__ = ["Turns"]

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T", bound="Turns")


class Turns:
    """One round of any kind; what ``_stack`` holds is given back at its end."""

    def __init__(self, calm: Calm, number: int) -> None:
        self.number = number
        self._calm = calm
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_turn(self, ours: Callable[[], A], peer: Callable[[], B]) -> tuple[A, B]:
        """Both, each when all is calm; in the next round the other is first."""
        if self.number % 2:
            one = self._calmly(ours)
            return one, self._calmly(peer)
        other = self._calmly(peer)
        return self._calmly(ours), other

    def _calmly(self, work: Callable[[], A]) -> A:
        self._calm.wait()
        return work()
