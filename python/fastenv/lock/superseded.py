"""Archives beside a lock that only the lock named which a new one has replaced: they go, so that the folder does not
grow with every edit.

Only what that very lock named, and what no lock beside it names now. Several locks may share the folder, and be
written at once: who writes one shares a flock of the folder from before its archives have their places until it is
there itself, and who takes archives away wants the folder alone, or leaves them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastenv.lock.carried import FOLDER

if TYPE_CHECKING:
    from fastenv.lock.lockfile import Lock

__all__ = ["Beside"]

_ARCHIVE = re.compile(r'"(' + re.escape(FOLDER) + r'/[0-9a-f]{64}/[^/"\\]+)"')
_MAY_NAME = re.compile(r"lock|\.toml", re.IGNORECASE)
"""In the name of a file that may be a lock, whatever somebody called it (``pylock.toml.bak``)."""


class Beside:
    """The folder of archives beside the lock at ``target``, while a new one is made for there."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._folder = target.absolute().parent
        self._held: int | None = None
        self._former = _archives(target)

    def __enter__(self) -> Beside:
        # Without a folder, or where it can't be locked, nothing is taken away; nor if it is a link, since locks of
        # other folders may share what that leads to.
        try:
            handle = os.open(self._folder / FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return self
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            self._held = handle
        except OSError:
            os.close(handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def tidy(self, made: Lock) -> None:
        """Remove what the former lock named and none names now, ``made`` and those beside it. Never fails."""
        gone = self._former - _named(made.text)
        if not gone or self._held is None:
            return
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            texts = list(self._texts())
        except OSError:  # somebody makes a lock here, or what may be one can't be read
            return
        for path in sorted(gone):
            digest = path.split("/")[1].encode()
            if not any(digest in text for text in texts):
                self._remove(self._folder / path)

    def _texts(self) -> Iterator[bytes]:
        """All that may be a lock here. Raises OSError."""
        for entry in os.scandir(self._folder):
            if _MAY_NAME.search(entry.name) and entry.is_file():
                yield Path(entry.path).read_bytes()

    def _remove(self, archive: Path) -> None:
        # of a link only the link would go, and it is nothing that fastenv has put there
        if archive.is_symlink() or archive.parent.is_symlink():
            return
        with contextlib.suppress(OSError):
            archive.unlink()
            archive.parent.rmdir()
            archive.parent.parent.rmdir()  # if it was the last


def _archives(target: Path) -> frozenset[str]:
    """What the lock at ``target`` names below the folder; nothing if it can't be read or is a link."""
    try:
        data = b"" if target.is_symlink() else target.read_bytes()
    except OSError:
        return frozenset()
    return _named(data.decode(errors="replace")) if b"[tool.fastenv]" in data else frozenset()


def _named(text: str) -> frozenset[str]:
    """The paths of archives in the text of a lock; to read it as TOML would cost more than all else here."""
    return frozenset(match[1] for match in _ARCHIVE.finditer(text))
