"""RECORD: the files of an installed distribution, their install paths, and the files digest.

Format:
https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file.
What an install path and a files digest are: docs/inventory.md.
"""

from __future__ import annotations

import binascii
import csv
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastenv.scan.installed import canonical
from fastenv.scan.layers import prefix_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "OF_THE_INSTALLATION",
    "Record",
    "RecordRow",
    "files_digest",
    "install_path",
    "parse_record",
    "read_record",
]

_SITE = re.compile(r"lib(?:64)?/python\d+\.\d+/(?:site|dist)-packages/(.+)", re.DOTALL)
_HEADERS = re.compile(r"include/(?:site/)?python\d+\.\d+[a-z]*/(.+)", re.DOTALL)
_FIELDS = 3
_PACKED = len("sha256=") + 43
"""Characters of a hash in RECORD: the algorithm and urlsafe base64 without padding."""
OF_THE_INSTALLATION = (
    *("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"),
    *("uv_build.json", "uv_cache.json"),
)
"""Files of the .dist-info that tell of this installation, not of the distribution."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One row of a RECORD.

    ``file`` is where it is on this machine; ``sha256`` (hex) and ``size`` (bytes) are what RECORD
    says, empty where it does not.
    """

    file: str
    install_path: str
    sha256: str
    size: str


@dataclass(frozen=True, slots=True)
class Record:
    """A RECORD, column by column: ``paths[i]``, ``installs[i]``, ``hashes[i]``, ``sizes[i]``.

    ``paths`` are as written, relative to ``location``, the directory that holds the .dist-info.
    ``elsewhere`` are the indexes of rows that are not below the site directory, such as scripts.
    Byte code is in no column: ``bytecode`` are its install paths. ``outside`` are rows that lead
    out of the environment; they are in no column. ``bad`` counts rows that are no rows.
    """

    location: str
    metadata_name: str
    paths: list[str]
    installs: list[str]
    hashes: list[str]
    sizes: list[str]
    elsewhere: tuple[int, ...]
    bytecode: tuple[str, ...]
    outside: tuple[str, ...]
    bad: int

    def rows(self) -> Iterator[RecordRow]:
        """Every row, with the file it means."""
        for path, install, digest, size in zip(
            self.paths, self.installs, self.hashes, self.sizes, strict=True
        ):
            yield RecordRow(self.file(path, install), install, digest, size)

    def file(self, path: str, install: str) -> str:
        """The absolute path of the file that a row means."""
        if install.startswith("site/"):
            return f"{self.location}/{install[5:]}"
        resolved = os.path.normpath(os.path.join(self.location, path))
        if install.startswith("prefix/") and not os.path.lexists(resolved):
            return f"{prefix_of(self.location)}/{install[7:]}"
        return resolved


def read_record(metadata_path: str) -> Record:
    """The RECORD in the directory ``metadata_path`` (``.../x-1.0.dist-info``).

    Raises OSError when it cannot be read, UnicodeDecodeError when it is not UTF-8.
    """
    with open(f"{metadata_path}/RECORD", "rb") as file:
        return parse_record(file.read().decode(), metadata_path)


def parse_record(text: str, metadata_path: str) -> Record:
    """The rows of ``text``, the RECORD of the .dist-info directory ``metadata_path``."""
    location, _, metadata_name = metadata_path.rpartition("/")
    rows, bad = _rows(text)
    bytecode: tuple[str, ...] = ()
    if ".pyc" in text:
        bytecode = tuple(install_path(location, row[0]) for row in rows if row[0].endswith(".pyc"))
        rows = [row for row in rows if not row[0].endswith(".pyc")]
    paths, packed, sizes = ([*column] for column in zip(*rows, strict=True)) if rows else ([], [], [])
    hashes = _hex(packed)
    if _are_straight(paths):
        installs = [f"site/{path}" for path in paths]
        return Record(location, metadata_name, paths, installs, hashes, sizes, (), bytecode, (), bad)
    installs = [f"site/{path}" if _is_straight(path) else install_path(location, path) for path in paths]
    installs = [
        _own_headers(install, metadata_name) if install[:8] == "headers/" else install for install in installs
    ]
    outside = tuple(path for path, install in zip(paths, installs, strict=True) if not install)
    if outside:
        kept = [at for at, install in enumerate(installs) if install]
        paths, installs, hashes, sizes = (
            [column[at] for at in kept] for column in (paths, installs, hashes, sizes)
        )
    elsewhere = tuple(at for at, install in enumerate(installs) if install[:5] != "site/")
    return Record(location, metadata_name, paths, installs, hashes, sizes, elsewhere, bytecode, outside, bad)


def _are_straight(paths: list[str]) -> bool:
    """Whether ``_is_straight`` holds for all; nearly always so, and asked of all at once."""
    if {"/", ".", ""} & {path[:1] for path in paths} or "/" in {path[-1:] for path in paths}:
        return False
    joined = "\n".join(paths)
    return "/." not in joined and "//" not in joined


def _is_straight(path: str) -> bool:
    """Whether a path has no component that leads up, nowhere or to the root."""
    return path[:1] not in {"/", ".", ""} and path[-1] != "/" and "/." not in path and "//" not in path


def _rows(text: str) -> tuple[list[list[str]], int]:
    """The rows of three fields, and how many lines are none of these."""
    if '"' in text:
        rows = [row for row in csv.reader(text.splitlines(keepends=True)) if row]
    else:
        # Without quotes, which is nearly always, splitting takes a third of the csv module's time.
        rows = [line.rsplit(",", 2) for line in text.replace("\r\n", "\n").split("\n") if line]
    sound = [row for row in rows if len(row) == _FIELDS]
    return sound, len(rows) - len(sound)


def install_path(location: str, path: str) -> str:
    """The install path of a RECORD row in ``location``; "" if it leads out of the prefix."""
    if not path:
        return ""
    resolved = os.path.normpath(os.path.join(location, path))
    if resolved.startswith(f"{location}/"):
        return f"site/{resolved[len(location) + 1 :]}"
    prefix = prefix_of(location)
    if prefix == location:
        # pip install --target moves the files but leaves rows of <home>/lib/python in RECORD.
        rest = re.sub(r"^(?:\.\./)+", "", path)
        return "" if rest.startswith("/") or rest == path else _in_prefix(rest)
    root = prefix.rstrip("/") + "/"
    return _in_prefix(resolved[len(root) :]) if resolved.startswith(root) else ""


def _own_headers(install: str, metadata_name: str) -> str:
    """``headers/NAME/...`` with NAME as in the .dist-info, which installers spell in other ways."""
    _, name, rest = f"{install}/".split("/", 2)
    own = metadata_name.partition("-")[0]
    return f"headers/{own}/{rest}".rstrip("/") if canonical(name) == canonical(own) else install


def _in_prefix(path: str) -> str:
    """``path``, relative to a prefix, as an install path."""
    if match := _SITE.fullmatch(path):
        return f"site/{match[1]}"
    if match := _HEADERS.fullmatch(path):
        return f"headers/{match[1]}"
    return f"prefix/{path}"


def files_digest(record: Record, scripts: Collection[str]) -> str:
    """The sha256 (hex) over what the distribution's files are, whoever installed it and wherever.

    ``scripts`` are the names of its console and gui entry points, whose files installers generate.
    """
    info = f"site/{record.metadata_name}/"
    skipped = {info + name for name in OF_THE_INSTALLATION}
    for at in record.elsewhere:
        install = record.installs[at]
        if install.startswith("prefix/bin/") and (
            install[11:] in scripts or _is_rewritten(record.file(record.paths[at], install))
        ):
            skipped.add(install)
    lines = {
        f"{install}\t{digest}\t{size}\n"
        for install, digest, size in zip(record.installs, record.hashes, record.sizes, strict=True)
        if digest and install not in skipped
    }
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _hex(packed: list[str]) -> list[str]:
    """``sha256=<base64>`` as hex, and other algorithms or none as ""."""
    joined = "".join(packed)
    count = len(packed) - packed.count("")
    text = ""
    if not {*map(len, packed)} - {0, _PACKED} and joined.count("sha256=") == count:
        # 43 characters and an "A" are 33 bytes, so all hashes can be decoded at once.
        alike = joined.replace("sha256=", "A")[1:] + "A" * bool(count)
        try:
            text = binascii.a2b_base64(alike.replace("-", "+").replace("_", "/").encode("ascii")).hex()
        except ValueError:
            text = ""
    # Characters outside of the alphabet are passed over, which shows in the length.
    if len(text) != 66 * count:
        return [_one_hex(item) for item in packed]
    starts = iter(range(0, len(text), 66))
    return [text[(at := next(starts)) : at + 64] if item else "" for item in packed]


def _one_hex(item: str) -> str:
    """One ``sha256=<base64>`` as hex; "" for whatever else stands there."""
    digest = item.removeprefix("sha256=").replace("-", "+").replace("_", "/")
    if len(item) != _PACKED or len(digest) != _PACKED - 7:
        return ""
    try:
        found = binascii.a2b_base64(digest.encode("ascii") + b"=")
    except ValueError:
        return ""
    return found.hex() if len(found) == hashlib.sha256().digest_size else ""


def _is_rewritten(file: str) -> bool:
    """Whether a file of bin/ begins with ``#!``, a line that installers replace."""
    try:
        with open(file, "rb") as script:
            return script.read(2) == b"#!"
    except OSError:
        return False
