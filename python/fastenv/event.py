"""What a long call tells its caller while it works: one kind of value, made by the core and by ``lock``."""

from __future__ import annotations

from collections.abc import Callable

from fastenv._core import Event

__all__ = ["Event", "OnEvent"]

OnEvent = Callable[[Event], object]
