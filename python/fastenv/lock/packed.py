"""Wheels of installed files that were packed up before, and lie beside the lock still: large ones are not written anew.

What a wheel would be is told from what it would hold. The sha256 of the files is remembered (``edits.Hashes``), so
nothing of them is read while they stay as they are, nor of the wheel.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastenv.build.wheel_file import Contents, Entry, Written
from fastenv.lock import cache
from fastenv.lock.edits import Hashes
from fastenv.lock.wheel_digest import rows_digest

__all__ = ["Packed", "contents_digest", "scripts_digest"]

_ROW = ((int, float), str, int, str)
_FORMAT = "1"
_KEPT_S = 30 * 86400.0


class Packed:
    """Which contents gave which wheel, in a file of the user's cache folder; what is 30 days old is forgotten.

    ``hashes`` are those of installed files; ``beside`` is the folder with the wheels, whose hashes are kept apart,
    since a look at the environment alone would forget them.
    """

    def __init__(self, hashes: Hashes, beside: Path, environ: Mapping[str, str]) -> None:
        self._hashes = hashes
        self._beside = beside
        self._wheels = Hashes([f"packed {beside}"], environ)
        self._path = cache.cache_folder(environ) / "packed-v1.json"
        self._stored = {key: row for key, row in cache.load(self._path).items() if cache.is_row(row, *_ROW)}
        self._fresh: dict[str, list[Any]] = {}

    def find(self, contents: Contents) -> tuple[Written, str] | None:
        """The wheel with these contents and its files digest, if it lies there as it was written."""
        if not self._stored:
            return None  # so nothing need be hashed
        try:
            digests = {it.name: _facts(it, self._hashes)[0] for it in contents.entries}
            row = self._stored.get(_key(contents, digests))
            if row is None:
                return None
            _, sha256, size, files_digest = row
            path = self._beside / sha256 / contents.filename
            if path.stat().st_size != size or self._wheels.digest(str(path)) != sha256:
                return None
        except OSError:  # what can't be read is told where it is packed
            return None
        return Written(path, sha256, size), files_digest

    def scripts(self, contents: Contents) -> str | None:
        """``scripts_digest``, by the hashes that are known. Raises OSError."""
        return scripts_digest(contents, self._hashes)

    def note(self, contents: Contents, written: Written, files_digest: str) -> None:
        """These contents gave this wheel. What was written counts: a file may have been edited since it was hashed."""
        row = [time.time(), written.sha256, written.size, files_digest]
        self._fresh[_key(contents, written.digests)] = row

    def save(self) -> None:
        """Keep what was noted. Silent where the cache folder can't be written."""
        self._wheels.save()
        if self._fresh:
            oldest = time.time() - _KEPT_S
            kept = {key: row for key, row in self._stored.items() if row[0] > oldest}
            cache.save(self._path, {**kept, **self._fresh})


def contents_digest(contents: Contents, hashes: Hashes) -> str:
    """The files digest (sha256, hex) of the wheel that ``contents`` would be. Raises OSError."""
    rows = ((entry.name, *_facts(entry, hashes)) for entry in contents.entries)
    by_name = {entry.name: entry for entry in contents.entries}
    points = by_name.get(f"{contents.info}/entry_points.txt")
    text = "" if points is None else _read(points, -1).decode("utf-8", "replace")
    return rows_digest(rows, contents.info, text, lambda name: _read(by_name[name], 2))


def scripts_digest(contents: Contents, hashes: Hashes) -> str | None:
    """What the scripts are that ``contents`` brings, which no files digest tells (sha256, hex); None if it has none.

    Raises OSError.
    """
    folder = f"{contents.stem}.data/scripts/"
    scripts = [entry for entry in contents.entries if entry.name.startswith(folder)]
    if not scripts:
        return None
    lines = (f"{_facts(it, hashes)[0]} {'x' if it.executable else '-'} {it.name}\n" for it in scripts)
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _key(contents: Contents, digests: Mapping[str, str]) -> str:
    """All that decides what ``write_wheel`` writes."""
    digest = hashlib.sha256(f"fastenv wheel {_FORMAT}\n{contents.filename}\n{contents.stem}\n".encode())
    for entry in contents.entries:
        mode = "x" if entry.executable else "-"
        digest.update(f"{digests[entry.name]} {mode} {entry.name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _facts(entry: Entry, hashes: Hashes) -> tuple[str, int]:
    """The sha256 (hex) and size of an entry."""
    if isinstance(entry.source, bytes):
        return hashlib.sha256(entry.source).hexdigest(), len(entry.source)
    return hashes.digest(entry.source), os.stat(entry.source).st_size


def _read(entry: Entry, count: int) -> bytes:
    if isinstance(entry.source, bytes):
        return entry.source if count < 0 else entry.source[:count]
    with open(entry.source, "rb") as stream:
        return stream.read(count)
