"""A ``.pth`` file that no package owns, as it is to be in a copy.

Lines that python runs stay as they are, and so do folders below site-packages, named from there. What lies elsewhere
has its own place in the copy, if it is loose code. https://docs.python.org/3/library/site.html
"""

from __future__ import annotations

import os

from fastenv.exceptions import FileSystemError

__all__ = ["copied"]


def copied(file: str, site: str) -> bytes | None:
    """The content for the copy of ``file``, which lies in ``site``; None if nothing of it does anything there.

    Raises FileSystemError.
    """
    try:
        with open(file, "rb") as stream:
            text = stream.read().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise FileSystemError(f"{file} cannot be read: {error.strerror}", path=file) from error
    lines, acts = [], False
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            lines.append(line)
        elif line.startswith(("import ", "import\t")):
            lines.append(line)
            acts = True
        else:
            inner = _below(line.rstrip(), site)
            if inner:
                lines.append(inner)
                acts = True
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape") if acts else None


def _below(line: str, site: str) -> str:
    """The path from ``site`` of a folder below it that a line names; empty for any other line."""
    if "\0" in line:
        return ""
    path = os.path.realpath(os.path.join(site, line))
    home = os.path.realpath(site)
    return os.path.relpath(path, home) if path.startswith(f"{home}/") and os.path.exists(path) else ""
