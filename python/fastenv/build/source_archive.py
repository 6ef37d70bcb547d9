"""The settings of a project that is a source archive (a .tar.gz and its like, or a .zip)."""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path

__all__ = ["settings_in"]

_SETTINGS = re.compile(r"(?:\./)?[^/]+/pyproject\.toml")
"""Below the one folder that such an archive has at its top (PEP 625)."""


def settings_in(archive: Path) -> bytes | None:
    """The project's pyproject.toml; None if it has none. Raises what zipfile and tarfile raise for a damaged one."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            name = next((it for it in opened.namelist() if _SETTINGS.fullmatch(it)), None)
            return None if name is None else opened.read(name)
    with tarfile.open(archive) as tar:
        member = next((it for it in tar if it.isfile() and _SETTINGS.fullmatch(it.name)), None)
        stream = None if member is None else tar.extractfile(member)
        return None if stream is None else stream.read()
