"""What the standard library raises while it reads a zip archive that is damaged, or packed as it can't read it."""

from __future__ import annotations

import struct
import zipfile
import zlib

__all__ = ["DAMAGE"]

DAMAGE: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    RuntimeError,  # encrypted, or of an unknown method (NotImplementedError)
    ValueError,  # texts and numbers that are none
)
