"""The wheel of an edited project without a build: that of the last build, with the edited files put into it.

Right only where all that changed is the contents of files that the build copied byte for byte, and whose text it does
not read. What it may read: settings, files that these name, files that state a version, what is compiled. Since nobody
knows what else a build does, a project's first replacement is made beside a real build and compared with it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastenv.build.snapshot import Snapshot
from fastenv.build.wheel_file import Contents, Entry

__all__ = ["replaced", "same_contents", "state_of_build"]

_SETTINGS = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "MANIFEST.in",
    "meson.build",
    "CMakeLists.txt",
    "build.py",
)
_COMPILED = (
    ".pyx",
    ".pxd",
    ".pxi",
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".cu",
    ".h",
    ".hpp",
    ".f",
    ".f90",
    ".rs",
    ".proto",
    ".in",
    ".j2",
)
_VERSION = re.compile(rb"(?im)^\s*_*version(?:_info|_tuple)?_*\s*[:=]")


def state_of_build(
    key: str, snapshot: Snapshot, digests: Mapping[str, str], contents: Contents
) -> dict[str, Any]:
    """What must be known of a real build, as JSON: its key, and which file each entry of the wheel is a copy of."""
    by_digest: dict[str, list[str]] = {}
    for name, digest in digests.items():
        by_digest.setdefault(digest, []).append(name)
    copied = {}
    for entry in contents.entries:
        # a file of the same content under another name is no copy, but chance
        names = by_digest.get(_sha256(entry), ())
        fitting = [name for name in names if name == entry.name or name.endswith(f"/{entry.name}")]
        if len(fitting) == 1:
            copied[entry.name] = fitting[0]
    return {
        "key": key,
        "head": snapshot.head,
        "files": dict(digests),
        "modes": snapshot.modes(),
        "copied": copied,
    }


def replaced(
    contents: Contents,
    state: Mapping[str, Any],
    snapshot: Snapshot,
    digests: Mapping[str, str],
    settings: str,
) -> Contents | None:
    """The last build's ``contents`` with the files of ``snapshot``; None if that takes a real build."""
    before, copied = state.get("files"), state.get("copied")
    if not isinstance(before, dict) or not isinstance(copied, dict):
        return None
    if state.get("head") != snapshot.head or before.keys() != digests.keys():
        return None
    if state.get("modes") != snapshot.modes() or not contents.filename.endswith("-none-any.whl"):
        return None
    changed = {name for name, digest in digests.items() if before[name] != digest}
    entries = {entry.name: entry for entry in contents.entries}
    for name in changed:
        data = Path(snapshot.top, name).read_bytes()
        targets = [entry for entry, source in copied.items() if source == name and entry in entries]
        old = [entries[target] for target in targets]
        if not targets or _is_read(name, [data, *(bytes_of(entry) for entry in old)], settings):
            return None
        for entry in old:
            entries[entry.name] = replace(entry, source=data)
    return replace(contents, entries=tuple(entries.values()))


def same_contents(one: Contents, other: Contents) -> bool:
    """Whether two wheels would be the same."""
    left, right = ({it.name: (bytes_of(it), it.executable) for it in side.entries} for side in (one, other))
    return (one.filename, one.stem, left) == (other.filename, other.stem, right)


def bytes_of(entry: Entry) -> bytes:
    """What an entry holds."""
    return entry.source if isinstance(entry.source, bytes) else Path(entry.source).read_bytes()


def _is_read(name: str, texts: list[bytes], settings: str) -> bool:
    """Whether the build may read the file ``name``, whose text was or is one of ``texts``."""
    base = os.path.basename(name)
    if base in _SETTINGS or base.endswith(_COMPILED) or "flit" in settings:
        return True
    if re.search(rf"""["'/ ]{re.escape(base)}["' ,]""", settings) and base != "__init__.py":
        return True
    return any(_VERSION.search(text) for text in texts)


def _sha256(entry: Entry) -> str:
    return hashlib.sha256(bytes_of(entry)).hexdigest()
