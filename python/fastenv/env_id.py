"""The name of exactly one environment, computed from its lock (docs/env-id.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastenv import _core

if TYPE_CHECKING:
    import os

    from fastenv.lock import Lock

__all__ = ["env_id"]


def env_id(lock: Lock | str | os.PathLike[str]) -> str:
    """Return the env id of a lock: 64 hexadecimal digits, the same wherever it is computed.

    Args:
        lock: a Lock, or the path of a lock file.

    Raises:
        LockFormatError: the lock is no good, or states another id than it has.
        FileSystemError: the file cannot be read.
    """
    from fastenv.lock import Lock

    held = lock if isinstance(lock, Lock) else Lock.read(lock)
    return _core.env_id(held.text, str(held.path or "the lock"))
