"""Answers of the last minutes: which wheel of which index a distribution turned out to be.

Indexes that do not say how long their pages hold would be asked for each of 180 packages at every lock. Ten
minutes is what the large ones say of theirs. Only what was found is kept, and under what was installed and
where it was looked for, so nothing that is newly released or newly configured is overlooked.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fastenv.lock import cache
from fastenv.lock.pins import Candidate, Target
from fastenv.lock.secret_words import holds_token
from fastenv.lock.sources import Sources
from fastenv.scan.inventory import Distribution

__all__ = ["Recent"]

_ROW = ((int, float), str, str, str, (int, type(None)), str)
_HOLDS_S = 600.0


class Recent:
    """The answers for these sources and this target, in a file of the user's cache folder."""

    def __init__(self, sources: Sources, target: Target, environ: Mapping[str, str]) -> None:
        self._sources = sources.remote
        asked = [f"{source.shown} {source.name}" for source in (*sources.remote, *sources.local)]
        self._context = "\n".join([*target.options(), *asked])
        self._path = cache.cache_folder(environ) / "recent-v1.json"
        self._now = time.time()
        self._stored = {
            key: row
            for key, row in cache.load(self._path).items()
            if cache.is_row(row, *_ROW) and self._holds(row[0])
        }
        self._fresh: dict[str, list[Any]] = {}

    def recall(self, it: Distribution) -> Candidate | None:
        """The wheel that ``it`` was found to be, if that was a moment ago."""
        row = self._stored.get(self._key(it))
        if row is None:
            return None
        _, filename, url, sha256, size, index = row
        source = next((source for source in self._sources if source.shown == index), None)
        if source is None:
            default = next((source for source in self._sources if source.is_default), None)
            source = None if default is None else replace(default, url=index)
        return None if source is None else Candidate(filename, url, sha256, size, source)

    def keep(self, it: Distribution, wheel: Candidate) -> None:
        """Note the wheel of ``it``; not one whose URL may hold a secret, nor a file of this machine."""
        parts, source = urlsplit(wheel.url), wheel.source
        if parts.scheme not in ("http", "https") or parts.query or "@" in parts.netloc or source is None:
            return
        if source.kind == "index" and source.url and not holds_token(source.url):
            row = [self._now, wheel.filename, wheel.url, wheel.sha256, wheel.size, source.shown]
            self._fresh.setdefault(self._key(it), row)

    def save(self) -> None:
        """Write what was noted. Silent where the cache folder can't be written."""
        fresh = {key: row for key, row in self._fresh.items() if key not in self._stored}
        if fresh:
            cache.save(self._path, {**self._stored, **fresh})

    def _holds(self, at: float) -> bool:
        return 0 <= self._now - at < _HOLDS_S

    def _key(self, it: Distribution) -> str:
        facts = [it.name, it.version, it.files_digest or "", it.build, *it.tags, self._context]
        return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()
