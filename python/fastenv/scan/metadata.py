"""The small files of a .dist-info or .egg-info, read quickly: only what a scan needs of each.

Formats: https://packaging.python.org/en/latest/specifications/ (core metadata, WHEEL, entry
points). The email and configparser modules of the standard library would take most of a scan's
time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from fastenv.scan.inventory import EntryPoint

__all__ = [
    "CoreMetadata",
    "entry_points",
    "headers",
    "read_bytes",
    "read_core_metadata",
    "read_text",
]

_CHUNK_BYTES = 65536
_FIELD = re.compile(
    r"^(Name|Version|Requires-Python|Requires-Dist|Provides-Extra|Tag|Build):(.*(?:\n[ \t].*)*)",
    re.MULTILINE | re.IGNORECASE,
)
"""A field with its continuation lines."""


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """The fields of METADATA (or PKG-INFO) that bear on what is installed."""

    name: str
    version: str
    requires_python: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]


def read_core_metadata(path: str) -> CoreMetadata:
    """The fields of the METADATA or PKG-INFO file ``path``; absent ones are empty.

    Raises OSError when it cannot be read, UnicodeDecodeError when its fields are not UTF-8.
    """
    body = read_bytes(path, until_blank_line=True)
    fields = headers(body.decode())
    return CoreMetadata(
        name=_one(fields, "name"),
        version=_one(fields, "version"),
        requires_python=_one(fields, "requires-python"),
        requires=tuple(fields.get("requires-dist", ())),
        extras=tuple(fields.get("provides-extra", ())),
    )


def headers(text: str) -> dict[str, list[str]]:
    """The fields that a scan needs, up to the first blank line, by lower-case name, in order."""
    found: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(text.replace("\r\n", "\n").partition("\n\n")[0]):
        found.setdefault(name.lower(), []).append(" ".join(value.split()))
    return found


def entry_points(text: str) -> tuple[EntryPoint, ...]:
    """The lines of entry_points.txt, in order, as importlib.metadata reads them."""
    found = []
    group = ""
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
            continue
        name, equals, value = line.partition("=")
        if equals and group:
            found.append(EntryPoint(group, name.strip(), value.strip()))
    return tuple(found)


def read_text(path: str) -> str:
    """The whole of a UTF-8 file. Raises OSError or UnicodeDecodeError."""
    return read_bytes(path).decode()


def read_bytes(path: str, *, until_blank_line: bool = False) -> bytes:
    """The whole of a file, or its header alone. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        body = b""
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            body += chunk
            if until_blank_line and (end := _blank_line(body)) >= 0:
                return body[:end]
            if len(chunk) < _CHUNK_BYTES:
                break
        return body
    finally:
        os.close(descriptor)


def _blank_line(body: bytes) -> int:
    """Where the first blank line begins; -1 if there is none."""
    ends = [at for at in (body.find(b"\n\n"), body.find(b"\n\r\n")) if at >= 0]
    return min(ends) if ends else -1


def _one(fields: dict[str, list[str]], name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""
