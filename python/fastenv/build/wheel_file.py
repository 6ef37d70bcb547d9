"""Writing a wheel such that the same content is always the same bytes.

Names in one order, RECORD last, and entries as ``archive_entry`` has them.
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO

from packaging.utils import canonicalize_name

from fastenv.archive_entry import open_entry
from fastenv.digest import sha256_of

__all__ = ["Contents", "Entry", "NotPackable", "Written", "wheel_filename", "write_wheel"]

_FORBIDDEN = re.compile("[\\x00-\\x1f\\x7f\\\\\\ud800-\\udfff]")  # with what is no UTF-8
_BLOCK = 1 << 20


class NotPackable(Exception):
    """What is installed can't be made a wheel; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One file: its name in the wheel, and its bytes or the file that has them."""

    name: str
    source: str | bytes
    executable: bool = False


@dataclass(frozen=True)
class Contents:
    """What a wheel is to hold, RECORD apart. ``stem`` is ``NAME-VERSION`` as its .dist-info has it.

    Raises NotPackable for a name that not every reader of wheels takes.
    """

    filename: str
    stem: str
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        for entry in self.entries:
            if _FORBIDDEN.search(entry.name):
                raise NotPackable(f"no wheel can have a file of the name {entry.name!r}")

    @property
    def info(self) -> str:
        """The name of the .dist-info folder."""
        return f"{self.stem}.dist-info"


@dataclass(frozen=True)
class Written:
    """A wheel that was written: where, its sha256 (hex) and size in bytes, and the sha256 of its entries by name."""

    path: Path
    sha256: str
    size: int
    digests: Mapping[str, str] = field(default_factory=dict)


def wheel_filename(name: str, version: str, tags: Iterable[str], build: str = "") -> str:
    """The file name of a wheel with these tags, written as one compressed set (PEP 425)."""
    parts = [sorted({tag.split("-")[at] for tag in tags}) for at in range(3)]
    numbered = [build] if build[:1].isdigit() else []
    stem = [canonicalize_name(name).replace("-", "_"), version.replace("-", "_"), *numbered]
    return "-".join([*stem, *(".".join(part) for part in parts)]) + ".whl"


def write_wheel(contents: Contents, path: Path) -> Written:
    """Write the wheel to ``path``, RECORD last. Raises OSError."""
    record = f"{contents.info}/RECORD"
    entries = sorted(contents.entries, key=lambda it: (it.name.startswith(f"{contents.info}/"), it.name))
    rows, digests = [], {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            digest, size = _add(archive, entry)
            digests[entry.name] = digest.hex()
            packed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            rows.append(f"{_quoted(entry.name)},sha256={packed},{size}\n")
        text = "".join([*rows, f"{_quoted(record)},,\n"])
        _add(archive, Entry(record, text.encode()))
    return Written(path, sha256_of(path), path.stat().st_size, digests)


def _add(archive: zipfile.ZipFile, entry: Entry) -> tuple[bytes, int]:
    """Add one entry; the sha256 and size of what was read."""
    digest, size = hashlib.sha256(), 0
    with (
        _opened(entry.source) as (source, expected),
        open_entry(archive, entry.name, expected, executable=entry.executable) as target,
    ):
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            target.write(block)
    return digest.digest(), size


@contextmanager
def _opened(source: str | bytes) -> Iterator[tuple[IO[bytes], int]]:
    if isinstance(source, bytes):
        yield BytesIO(source), len(source)
        return
    with open(source, "rb", buffering=0) as stream:
        yield stream, os.fstat(stream.fileno()).st_size


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if re.search(r'[",]', name) else name
