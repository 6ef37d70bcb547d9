"""What a wheel would install, told from its RECORD: the same files digest that an installed copy has.

Of a remote wheel only its end is read, by ranges. What a files digest and an install path are is written in
docs/inventory.md.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from fastenv.scan.record import OF_THE_INSTALLATION, install_path

__all__ = ["NotAWheel", "wheel_files_digest"]

_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    UnicodeDecodeError,
    csv.Error,
    NotImplementedError,
    EOFError,
)


class NotAWheel(Exception):
    """The archive is no wheel that can be read; the message says why."""


def wheel_files_digest(stream: IO[bytes]) -> str:
    """The files digest (sha256, hex) of the wheel in a seekable stream.

    Raises NotAWheel; and whatever the stream raises.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            info = _dist_info(archive)
            scripts = _generated_scripts(archive, info)
            lines = set(_lines(archive, info, scripts))
    except _DAMAGE as error:
        raise NotAWheel(f"it is not a sound wheel: {error}") from error
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest()


def _dist_info(archive: zipfile.ZipFile) -> str:
    found = {
        name.split("/")[0] for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)
    }
    if len(found) != 1:
        raise NotAWheel(f"it has {len(found)} RECORD files at the top, not one")
    return found.pop()


def _generated_scripts(archive: zipfile.ZipFile, info: str) -> set[str]:
    """The names of console and gui scripts: an installer writes those, whatever the wheel holds."""
    try:
        text = archive.read(f"{info}/entry_points.txt").decode()
    except KeyError:
        return set()
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return set()
    return {name for group in _SCRIPT_GROUPS if parser.has_section(group) for name in parser.options(group)}


def _lines(archive: zipfile.ZipFile, info: str, scripts: set[str]) -> Iterator[str]:
    """One line a row, as docs/inventory.md describes it."""
    skipped = {f"{info}/{name}" for name in OF_THE_INSTALLATION}
    text = archive.read(f"{info}/RECORD").decode()
    for row in csv.reader(text.splitlines(keepends=True)):
        if len(row) != 3 or not row[1].startswith("sha256=") or row[0] in skipped or row[0].endswith(".pyc"):
            continue
        place = _install_path(row[0], info)
        if place.startswith("prefix/bin/") and (place[11:] in scripts or _is_rewritten(archive, row[0])):
            continue
        digest = base64.urlsafe_b64decode(row[1][7:] + "=" * (-len(row[1][7:]) % 4)).hex()
        yield f"{place}\t{digest}\t{row[2]}\n"


def _install_path(path: str, info: str) -> str:
    """Where a file of the wheel goes, in the layout-free form."""
    data = info.removesuffix(".dist-info") + ".data/"
    if not path.startswith(data):
        return f"site/{path}"
    scheme, _, rest = path[len(data) :].partition("/")
    if scheme in ("purelib", "platlib"):
        return f"site/{rest}"
    if scheme == "scripts":
        return f"prefix/bin/{rest}"
    if scheme == "headers":
        return f"headers/{info.partition('-')[0]}/{rest}"
    # `data` goes below the prefix; the scan's own rule says what that is called
    return install_path("/e/lib/python3.0/site-packages", f"../../../{rest}")


def _is_rewritten(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a script begins with ``#!``, a line that installers replace."""
    try:
        with archive.open(name) as script:
            return script.read(2) == b"#!"
    except KeyError:
        return False
