"""RECORD of every distribution of an environment, held against its files."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
from pathlib import Path

__all__ = ["record_faults", "rows", "site_packages"]

_OWN = re.compile(r"pyvenv\.cfg|\.fastenv/.*|lib64|bin/(activate(\.\w+)?|python[\d.]*t?)")


def site_packages(prefix: Path) -> Path:
    """Where the distributions of an environment lie."""
    (found,) = prefix.glob("lib/python*/site-packages")
    return found


def rows(record: Path) -> list[tuple[str, str, str]]:
    """Path, hash and size of each row, as they stand there."""
    with record.open(newline="", encoding="utf-8") as stream:
        return [(row[0], row[1], row[2]) for row in csv.reader(stream)]


def record_faults(prefix: Path) -> list[str]:
    """What is wrong with the RECORDs of an environment: rows that lie, files without a row, rows said twice."""
    site = site_packages(prefix)
    faults: list[str] = []
    claims: dict[str, list[str | None]] = {}
    for record in site.glob("*.dist-info/RECORD"):
        found = rows(record)
        own = record.relative_to(site).as_posix()
        if len({path for path, _, _ in found}) != len(found):
            faults.append(f"{own} names a path twice")
        for path, digest, size in found:
            fault = _fault(site / path, digest, size, bare=path == own)
            told = claims.setdefault(os.path.normpath(site / path), [])
            told.append(fault and f"{own}: {path}: {fault}")
    # Of several that claim a path, one has it; the others keep the claim of what they brought, as installers do.
    faults += [told[0] for told in claims.values() if all(told) and told[0]]
    for folder, folders, files in os.walk(prefix):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = f"{folder}/{name}"
            if path not in claims and not _OWN.fullmatch(os.path.relpath(path, prefix)):
                faults.append(f"{os.path.relpath(path, prefix)} is in no RECORD")
    return faults


def _fault(path: Path, digest: str, size: str, *, bare: bool) -> str | None:
    if not path.is_file():
        return "is no file"
    content = path.read_bytes()
    true = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    expected = ("", "") if bare else (true, str(len(content)))
    return None if (digest, size) == expected else f"says {digest} {size}, is {expected}"
