"""A folder of loose code as a zip archive, the same bytes for the same files.

Names in order, below one folder of the overlay's name, and entries as ``archive_entry`` has them.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastenv.archive_entry import open_entry
from fastenv.digest import sha256_of
from fastenv.exceptions import FileSystemError
from fastenv.loose.files import Found

__all__ = ["Packed", "pack"]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive that was written: where, and its sha256 (hex) and size in bytes."""

    path: Path
    sha256: str
    size: int


def pack(name: str, files: Sequence[Found], path: Path) -> Packed:
    """Write ``files`` below the folder ``name`` into the archive ``path``. Raises FileSystemError."""
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for it in sorted(files, key=lambda it: it.path.encode()):
                with (
                    open(it.file, "rb") if it.content is None else io.BytesIO(it.content) as source,
                    open_entry(archive, f"{name}/{it.path}", it.size, executable=it.executable) as to,
                ):
                    shutil.copyfileobj(source, to, _BLOCK)
        return Packed(path, sha256_of(path), path.stat().st_size)
    except OSError as error:
        place = str(error.filename or path)
        raise FileSystemError(f"{place} cannot be packed up: {error.strerror}", path=place) from error
