"""Two environments compared, in the sense in which fastenv calls trees equal.

Same relative paths, file types, link targets, bytes and any-execute bit. Left out is what every installer writes
in its own way: INSTALLER, RECORD, REQUESTED, direct_url.json, byte code, pyvenv.cfg, fastenv's folder, what
`uv venv` itself writes, and the text of generated scripts.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

__all__ = ["Listing", "differences", "listing"]

Listing = dict[str, tuple[str, ...]]

_COMPANIONS = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
_OF_VENV = re.compile(
    r"pyvenv\.cfg|\.gitignore|CACHEDIR\.TAG|\.lock|\.fastenv(/.*)?"
    r"|bin/(activate|deactivate|pydoc|python)[^/]*"
    r"|lib/python[^/]*/site-packages/_virtualenv\.(py|pth)"
)


def _is_left_out(path: str) -> bool:
    parts = path.split("/")
    if "__pycache__" in parts or path.endswith(".pyc") or _OF_VENV.fullmatch(path):
        return True
    return len(parts) > 1 and parts[-2].endswith(".dist-info") and parts[-1] in _COMPANIONS


def _content(path: Path, relative: str) -> str:
    content = path.read_bytes()
    if relative.startswith("bin/") and content.startswith(b"#!"):
        # Generated or rewritten: that it is there, and runs, is compared; its text is the installer's.
        return "script"
    return hashlib.sha256(content).hexdigest()


def listing(prefix: Path) -> Listing:
    """Relative path to (type, link target or digest, whether executable) of all that is compared."""
    rows: Listing = {}
    for folder, folders, files in os.walk(prefix):
        for name in files + [name for name in folders if Path(folder, name).is_symlink()]:
            path = Path(folder, name)
            relative = path.relative_to(prefix).as_posix()
            if _is_left_out(relative):
                continue
            if path.is_symlink():
                rows[relative] = ("link", str(path.readlink()))
            else:
                executable = str(bool(path.stat().st_mode & 0o111))
                rows[relative] = ("file", _content(path, relative), executable)
    return rows


def differences(one: Path, other: Path | Listing) -> list[str]:
    """A line for each path that is not the same in both environments, sorted. One may be listed already."""
    left, right = listing(one), listing(other) if isinstance(other, Path) else other
    return [
        f"{path}: {left.get(path)} != {right.get(path)}"
        for path in sorted(left.keys() | right.keys())
        if left.get(path) != right.get(path)
    ]
