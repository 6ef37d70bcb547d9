"""Wheels of projects, kept until something changes that a build depends on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fastenv.build.wheel_file import Contents, write_wheel

__all__ = ["BuildCache", "Kept", "build_key"]

_FORMAT = "1"
_FACTS = "facts.json"
_KEPT_S = 30 * 86400.0


def build_key(facts: Iterable[str]) -> str:
    """The name of one build: sha256 (hex) over everything that it depends on."""
    digest = hashlib.sha256(f"fastenv build {_FORMAT}\n".encode())
    for fact in facts:
        digest.update(fact.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Kept:
    """A wheel in the cache; ``files_digest`` is what it would install."""

    path: Path
    sha256: str
    size: int
    files_digest: str


class BuildCache:
    """A folder of wheels by key. Losing it costs time only; what was not used for 30 days is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Kept | None:
        """The wheel of a build, or None."""
        place = self._folder / key
        try:
            facts = json.loads((place / _FACTS).read_bytes())
            kept = Kept(place / facts["name"], facts["sha256"], facts["size"], facts["files-digest"])
            if kept.path.stat().st_size != kept.size:
                return None
            os.utime(place)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return kept

    def put(self, key: str, contents: Contents, digest: Callable[[Path], str]) -> Kept | None:
        """Write a wheel and keep it; None where that can't be. ``digest`` tells the files digest of a wheel."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            room = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new-"))
            written = write_wheel(contents, room / contents.filename)
            facts = {"name": contents.filename, "sha256": written.sha256, "size": written.size}
            (room / _FACTS).write_text(json.dumps({**facts, "files-digest": digest(written.path)}))
            try:
                room.rename(self._folder / key)
            except OSError:  # another run was faster
                shutil.rmtree(room, ignore_errors=True)
            self._clear()
        except OSError:
            return None
        return self.get(key)

    def _clear(self) -> None:
        for place in self._folder.iterdir():
            if place.stat().st_mtime < time.time() - _KEPT_S:
                shutil.rmtree(place, ignore_errors=True)
