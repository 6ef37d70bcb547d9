"""An entry of a zip archive that is the same bytes whenever its content is.

One time, two modes, nothing compressed: another zlib compresses otherwise, and an archive's sha256 is part of the env
id. What moves or keeps such archives may compress them.
"""

from __future__ import annotations

import zipfile
from typing import IO

__all__ = ["open_entry"]

_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that zip can say
_LARGE = 1 << 31  # from here on zip needs its long form


def open_entry(archive: zipfile.ZipFile, name: str, size: int, *, executable: bool) -> IO[bytes]:
    """The stream to write an entry to; ``size`` is what is expected of it, in bytes."""
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = 3  # the one whose modes count
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    return archive.open(info, "w", force_zip64=size >= _LARGE)
