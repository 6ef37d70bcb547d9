"""Whether an environment still is what was published."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastenv import _core

if TYPE_CHECKING:
    from fastenv._core import Finding
    from fastenv.event import OnEvent

__all__ = ["verify"]


def verify(
    prefix: str | os.PathLike[str],
    *,
    full: bool = False,
    on_event: OnEvent | None = None,
) -> tuple[Finding, ...]:
    """Compare an environment with what was published there; change nothing.

    Args:
        prefix: the environment's folder, as ``materialize`` gave it.
        full: hash every file; otherwise presence, type, size and executable bit are compared.
        on_event: called from this thread with each Event.

    Returns:
        What is not as it was published, sorted by path; empty if all is well.

    Raises:
        FileSystemError: there is no environment of fastenv's there, or it cannot be read.
    """
    return tuple(_core.verify(os.fspath(prefix), full=full, on_event=on_event))
