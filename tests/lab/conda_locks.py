"""Locks of conda packages, real and made, written directly: nothing is scanned, the archives lie beside the lock."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import zstandard

from tests.lab.conda_data import Archive
from tests.lab.lock_text import lock_text

__all__ = ["archive_at", "conda_lock", "index_json"]


def index_json(archive: Path) -> dict[str, Any]:
    """``info/index.json`` of an archive."""
    if archive.suffix == ".conda":
        with zipfile.ZipFile(archive) as outer:
            name = next(name for name in outer.namelist() if name.startswith("info-"))
            inner = zstandard.ZstdDecompressor().stream_reader(outer.read(name)).read()
        return _index(tarfile.open(fileobj=io.BytesIO(inner)))
    # read as far as that: it is one of the first
    return _index(tarfile.open(archive, "r|bz2"))


def _index(tar: tarfile.TarFile) -> dict[str, Any]:
    with tar:
        found = next(
            file for member in tar if member.name == "info/index.json" and (file := tar.extractfile(member))
        )
        read: dict[str, Any] = json.load(found)
        return read


def archive_at(path: Path) -> Archive:
    """A package that a test has made."""
    content, facts = path.read_bytes(), index_json(path)
    digests = (hashlib.sha256(content).hexdigest(), hashlib.md5(content, usedforsecurity=False).hexdigest())
    words = (facts["name"], facts["version"], facts["build"], facts["subdir"])
    return Archive(path, f"made/{facts['subdir']}/{path.name}", *words, len(content), *digests)


def conda_lock(
    archives: Iterable[Archive],
    folder: Path,
    requested: Iterable[str] = (),
    *,
    base: str = "",
    head: str = "",
    more: str = "",
) -> Path:
    """A lock of these archives in ``folder``, which has links to them; with ``base``, they are served below that.

    ``head`` are lines of ``[tool.fastenv]``, ``more`` are tables at the end.
    """
    rows, python = [], None
    for archive in sorted(archives, key=lambda it: it.name):
        facts = index_json(archive.path)
        python = facts if facts["name"] == "python" else python
        place = f'url = "{base}{archive.file_name}"' if base else f'path = "{_path(archive)}"'
        rows.append(_row(archive, facts, place, [name for name in requested if name == archive.name]))
        if not base:
            beside = folder / _path(archive)
            beside.parent.mkdir(parents=True, exist_ok=True)
            if not beside.exists():
                beside.symlink_to(archive.path)

    interpreter = _python(python["version"]) if python else ""
    path = folder / "pylock.fastenv.toml"
    path.write_text(lock_text(interpreter + "".join(rows) + more, head=head), encoding="utf-8")
    return path


def _path(archive: Archive) -> str:
    return f"pylock.fastenv.d/{archive.sha256}/{archive.file_name}"


def _python(version: str) -> str:
    digits = "".join(version.split(".")[:2])
    return f"""
[tool.fastenv.interpreter]
implementation = "cpython"
version = "{version}"
soabi = "cpython-{digits}m-x86_64-linux-gnu"
build = "default"
source = "conda"
"""


def _row(archive: Archive, facts: dict[str, Any], place: str, requested: list[str]) -> str:
    noarch = {"python": 'noarch = "python"\n', None: ""}.get(facts.get("noarch"), 'noarch = "generic"\n')
    return f"""
[[tool.fastenv.conda]]
name = "{archive.name}"
version = "{archive.version}"
build = "{archive.build}"
build-number = {facts["build_number"]}
subdir = "{archive.subdir}"
file-name = "{archive.file_name}"
{place}
md5 = "{archive.md5}"
sha256 = "{archive.sha256}"
size = {archive.size}
{noarch}{f"requested = {json.dumps(requested)}" if requested else ""}
"""
