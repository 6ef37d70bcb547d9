"""SHA-256 of files, in pieces."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["sha256_of"]

_PIECE = 1 << 20  # bytes


def sha256_of(file: str | os.PathLike[str]) -> str:
    """The digest of a file's content as 64 lower-case hexadecimal digits. Raises OSError."""
    digest = hashlib.sha256()
    with Path(file).open("rb", buffering=0) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
