"""Wheels that are on this machine still: where a package was installed from, in find-links folders, in the caches
of pip and uv.

One counts only if it would install exactly what is installed: if it has the same files digest.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from fastenv.digest import sha256_of
from fastenv.lock.pins import Candidate
from fastenv.lock.sources import Sources, file_path
from fastenv.lock.wheel_digest import NotAWheel, digest_of_wheel
from fastenv.scan.inventory import Distribution

__all__ = ["KeptWheels"]


class KeptWheels:
    """Looks where wheels may lie; the caches are walked once, when the first one is asked for."""

    def __init__(self, sources: Sources, environ: Mapping[str, str]) -> None:
        self._sources = sources
        self._environ = environ

    def find(self, it: Distribution) -> tuple[Candidate, str] | None:
        """The wheel that ``it`` was installed from, and its files digest; None if none is here."""
        if it.files_digest is None or it.problems:
            return None
        for path in self._places(it):
            if _digest(path) == it.files_digest:
                try:
                    sha256, size = sha256_of(path), path.stat().st_size
                except OSError:
                    continue
                return Candidate(path.name, path.as_uri(), sha256, size), it.files_digest
        return None

    def _places(self, it: Distribution) -> Iterator[Path]:
        origin = file_path(it.origin.url) if it.origin.kind == "archive" else None
        if origin is not None and origin.suffix == ".whl":
            yield origin
        yield from self._by_name.get(it.name, ())

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self._all():
            try:
                name = parse_wheel_filename(path.name)[0]
            except InvalidWheelFilename:
                continue
            found[name].append(path)
        return found

    def _all(self) -> Iterator[Path]:
        for source in self._sources.local:
            if source.kind == "find-links" and source.folder is not None:
                yield from sorted(source.folder.glob("*.whl"))
        yield from _wheels_below(self._cache("PIP_CACHE_DIR", "pip") / "wheels")
        uv = self._sources.network.uv.get("cache-dir")
        cache = Path(uv) if isinstance(uv, str) else self._cache("UV_CACHE_DIR", "uv")
        for folder in sorted(cache.glob("sdists-v*")):
            yield from _wheels_below(folder)

    def _cache(self, variable: str, name: str) -> Path:
        home = self._environ.get("HOME") or str(Path.home())
        shared = self._environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
        return Path(self._environ.get(variable) or f"{shared}/{name}")


def _wheels_below(folder: Path) -> Iterable[Path]:
    for place, folders, files in os.walk(folder):
        # uv keeps unpacked sources there, too
        folders[:] = sorted(name for name in folders if name not in ("src", ".git"))
        for name in sorted(files):
            if name.endswith(".whl"):
                yield Path(place, name)


def _digest(path: Path) -> str | None:
    try:
        return digest_of_wheel(path)
    except (OSError, NotAWheel):
        return None
