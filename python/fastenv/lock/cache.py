"""Small files of facts that are dear to find out again, in the user's cache folder.

Losing one costs time only: whatever cannot be read is empty, whatever cannot be written is not.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["cache_folder", "is_row", "load", "save", "write_atomically"]


def cache_folder(environ: Mapping[str, str]) -> Path:
    """``$XDG_CACHE_HOME/fastenv``, by default ``~/.cache/fastenv`` (XDG base directory specification)."""
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "fastenv"


def load(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_row(row: Any, *kinds: type | tuple[type, ...]) -> bool:
    """Whether a value of such an object is a list of these kinds: an older fastenv may have written another form."""
    return (
        isinstance(row, list)
        and len(row) == len(kinds)
        and all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True))
    )


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object; silently does nothing where the folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, json.dumps(content, separators=(",", ":")).encode())
    except OSError:
        pass


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file such that a reader sees the old one or the whole new one. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    # the mask can only be read by setting it; /proc tells it without that race between threads
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except (OSError, ValueError):
        pass
    return 0o022
