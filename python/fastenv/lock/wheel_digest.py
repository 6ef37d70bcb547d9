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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from fastenv.damage import DAMAGE
from fastenv.scan.record import OF_THE_INSTALLATION, install_path

__all__ = ["NotAWheel", "digest_of_wheel", "rows_digest", "wheel_files_digest"]

_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, csv.Error, KeyError)


class NotAWheel(Exception):
    """The archive is no wheel that can be read; the message says why."""


def digest_of_wheel(path: Path) -> str:
    """The files digest (sha256, hex) of a wheel on this machine. Raises NotAWheel, OSError."""
    with path.open("rb") as stream:
        return wheel_files_digest(stream)


def wheel_files_digest(stream: IO[bytes]) -> str:
    """The files digest (sha256, hex) of the wheel in a seekable stream.

    Raises NotAWheel; and whatever the stream raises.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            info = _dist_info(archive)
            return rows_digest(_rows(archive, info), info, _entry_points(archive, info), _starts(archive))
    except _DAMAGE as error:
        raise NotAWheel(f"it is not a sound wheel: {error}") from error


def rows_digest(
    rows: Iterable[tuple[str, str, int | str]], info: str, entry_points: str, starts: Callable[[str], bytes]
) -> str:
    """The files digest of a wheel of these rows: name in the wheel, sha256 (hex), size in bytes.

    ``info`` is the name of its .dist-info, ``entry_points`` the text of the file in it; ``starts`` tells the first two
    bytes of an entry.
    """
    scripts = _generated_scripts(entry_points)
    skipped = {f"{info}/{name}" for name in OF_THE_INSTALLATION}
    lines = set()
    for name, sha256, size in rows:
        if name in skipped or name.endswith(".pyc"):
            continue
        place = _install_path(name, info)
        # a script that names an interpreter is rewritten by whoever installs it
        if place.startswith("prefix/bin/") and (place[11:] in scripts or starts(name) == b"#!"):
            continue
        lines.add(f"{place}\t{sha256}\t{size}\n")
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest()


def _dist_info(archive: zipfile.ZipFile) -> str:
    found = {
        name.split("/")[0] for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)
    }
    if len(found) != 1:
        raise NotAWheel(f"it has {len(found)} RECORD files at the top, not one")
    return found.pop()


def _entry_points(archive: zipfile.ZipFile, info: str) -> str:
    try:
        return archive.read(f"{info}/entry_points.txt").decode()
    except KeyError:
        return ""


def _generated_scripts(text: str) -> set[str]:
    """The names of console and gui scripts: an installer writes those, whatever the wheel holds."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return set()
    return {name for group in _SCRIPT_GROUPS if parser.has_section(group) for name in parser.options(group)}


def _rows(archive: zipfile.ZipFile, info: str) -> Iterator[tuple[str, str, str]]:
    """The hashed rows of RECORD."""
    text = archive.read(f"{info}/RECORD").decode()
    for row in csv.reader(text.splitlines(keepends=True)):
        if len(row) == 3 and row[1].startswith("sha256="):
            digest = base64.urlsafe_b64decode(row[1][7:] + "=" * (-len(row[1][7:]) % 4)).hex()
            yield row[0], digest, row[2]


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


def _starts(archive: zipfile.ZipFile) -> Callable[[str], bytes]:
    def first(name: str) -> bytes:
        try:
            with archive.open(name) as script:
                return script.read(2)
        except KeyError:
            return b""

    return first
