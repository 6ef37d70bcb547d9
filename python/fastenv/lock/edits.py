"""Which installed files are not what RECORD says: edited, replaced or gone since they were installed.

The files digest is made of RECORD's words, so it can't show an edited file; this reads the files themselves.
A file's sha256 is kept in the user's cache folder under its device, inode, size and both times, so that a
second look costs one stat a file.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastenv.digest import sha256_of
from fastenv.listing import some_of
from fastenv.lock import cache
from fastenv.lock.at_once import each
from fastenv.scan.inventory import Distribution
from fastenv.scan.record import OF_THE_INSTALLATION, files_digest, read_record

__all__ = ["Edit", "Hashes", "edits_text", "find_edits"]

_THREADS = min(8, (os.cpu_count() or 1) + 2)
_SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read may change again within one tick of its file system's
clock, unseen; such a sha256 is not kept."""


@dataclass(frozen=True)
class Edit:
    """One installed file that is not what RECORD says. ``what``: "changed", "gone" or "unreadable"."""

    install_path: str
    what: str


def edits_text(edits: Sequence[Edit]) -> str:
    """The first few of them, for a sentence."""
    return some_of([f"{it.install_path} ({it.what})" for it in edits])


def find_edits(
    distributions: Iterable[Distribution],
    *,
    contested: Collection[str],
    environ: Mapping[str, str],
    on_checked: Callable[[Distribution], None] = lambda _: None,
    hashes: Hashes | None = None,
) -> dict[str, tuple[Edit, ...]]:
    """The edits of each distribution that has any, by its normalized name.

    ``contested`` are install paths that several distributions claim: the scan has judged those. A RECORD that
    changed since the scan counts as an edit of itself. ``hashes``, where they are given, are the caller's to save.
    """
    chosen = list(distributions)
    known = hashes or Hashes({d.location for d in chosen}, environ)

    def look(distribution: Distribution) -> tuple[Edit, ...]:
        edits = _edits(distribution, contested, known)
        on_checked(distribution)
        return edits

    # the largest first, so that no thread is left alone with one at the end
    order = sorted(chosen, key=lambda d: -d.size)
    found = {it.name: edits for it, edits in each(look, order, threads=_THREADS)}
    if hashes is None:
        known.save()
    return {key: edits for key, edits in sorted(found.items()) if edits}


def _edits(distribution: Distribution, contested: Collection[str], hashes: Hashes) -> tuple[Edit, ...]:
    name = f"site/{distribution.metadata_path.rpartition('/')[2]}/RECORD"
    try:
        record = read_record(distribution.metadata_path)
    except (OSError, UnicodeDecodeError):
        return (Edit(name, "unreadable"),)
    scripts = {e.name for e in distribution.entry_points if e.group in ("console_scripts", "gui_scripts")}
    if files_digest(record, scripts) != distribution.files_digest:
        return (Edit(name, "changed"),)
    passed = {f"site/{record.metadata_name}/{file}" for file in OF_THE_INSTALLATION}
    # an installer writes these scripts, and so shall we
    passed.update(f"prefix/bin/{script}" for script in scripts)
    passed.update(contested)
    rows = zip(record.paths, record.installs, record.hashes, record.sizes, strict=True)
    found = (
        (install, hashes.fault(record.file(path, install), sha256, size))
        for path, install, sha256, size in rows
        if sha256 and install not in passed
    )
    return tuple(Edit(install, what) for install, what in found if what)


class Hashes:
    """sha256 of files, remembered for these folders."""

    def __init__(self, folders: Iterable[str], environ: Mapping[str, str]) -> None:
        places = "\n".join(sorted(folders))
        name = hashlib.sha256(places.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = cache.cache_folder(environ) / "files-v1" / f"{name}.json"
        self._stored = cache.load(self._path)
        self._seen: dict[str, str] = {}
        self._settled = time.time_ns() - _SETTLED_NS

    def fault(self, file: str, sha256: str, size: str) -> str:
        """What is wrong with a file of which RECORD tells ``sha256`` (hex) and ``size``; or an empty string."""
        try:
            stat = os.stat(file)
            if size.isdigit() and stat.st_size != int(size):
                return "changed"
            found = self._digest(file, stat)
        except FileNotFoundError:
            return "gone"
        except OSError:
            return "unreadable"
        return "" if found == sha256 else "changed"

    def digest(self, file: str) -> str:
        """The sha256 (hex) of a file. Raises OSError."""
        return self._digest(file, os.stat(file))

    def _digest(self, file: str, stat: os.stat_result) -> str:
        changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
        key = f"{stat.st_dev}.{stat.st_ino}.{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ctime_ns}"
        found = self._stored.get(key) or self._seen.get(key)
        if not isinstance(found, str):
            found = sha256_of(file)
        if changed < self._settled:
            self._seen[key] = found
        return found

    def save(self) -> None:
        """Keep what was found; silently does nothing where that can't be written."""
        if self._seen != self._stored:
            cache.save(self._path, self._seen)
