"""What a long call tells its caller while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "OnEvent"]


@dataclass(frozen=True)
class Event:
    """One thing that happened, or how far the work has come.

    ``done`` and ``total`` count packages, ``done_bytes`` and ``total_bytes`` bytes; a total of 0 is not known.
    ``seconds`` is how long ``stage`` took. A ``warning`` has a ``message`` for people, about ``package`` if
    it is about one.
    """

    kind: Literal["plan", "progress", "stage", "warning", "done"]
    package: str = ""
    message: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    done: int = 0
    total: int = 0
    stage: str = ""
    seconds: float = 0.0


OnEvent = Callable[[Event], None]
