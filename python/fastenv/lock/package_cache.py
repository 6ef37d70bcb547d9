"""Where conda, mamba and rattler keep what they have downloaded: archives, and what they knew of each.

The folders are those that conda would use: $CONDA_PKGS_DIRS, ``pkgs_dirs`` of every condarc, ``pkgs`` of the root
prefix, ~/.conda/pkgs; mamba's and rattler's own; and the folder that a package was linked from. They are only read.
https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/custom-env-and-pkg-locations.html
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastenv.scan.inventory import CondaPackage

__all__ = ["Hashes", "PackageCaches", "agrees", "condarcs", "hash_file"]

_BLOCK = 1 << 20

Hashes = tuple[str, str, int]
"""sha256, md5 (hex) and bytes of an archive."""


class PackageCaches:
    """The package caches that this user has for the environment at ``prefix``."""

    def __init__(self, prefix: str, environ: Mapping[str, str]) -> None:
        self.folders = [folder for folder in _unique(_folders(prefix, environ)) if folder.is_dir()]

    def archives(self, package: CondaPackage) -> Iterator[tuple[Path, Hashes]]:
        """Archives of that name that have the hashes and size which the record tells, if it tells any."""
        for folder in _unique([*self.folders, *_linked_from(package)]):
            path = folder / package.file_name
            try:
                found = hash_file(path)
            except OSError:
                continue
            if agrees(package, *found):
                yield path, found

    def record(self, package: CondaPackage) -> dict[str, Any]:
        """What was known of the package when it was downloaded (``info/repodata_record.json``); {} if nothing."""
        stem = f"{package.name}-{package.version}-{package.build}"
        places = [Path(package.link_source)] if package.link_source else []
        for place in [*places, *(folder / stem for folder in self.folders)]:
            try:
                table = json.loads((place / "info" / "repodata_record.json").read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(table, dict) and _is_same(package, table):
                return table
        return {}


def agrees(package: CondaPackage, sha256: str, md5: str, size: int) -> bool:
    """Whether bytes of these hashes can be the package's archive, by all that its record tells."""
    return package.sha256 in ("", sha256) and package.md5 in ("", md5) and (package.size or size) == size


def hash_file(path: Path) -> Hashes:
    """Raises OSError."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
            size += len(block)
    return sha256.hexdigest(), md5.hexdigest(), size


def _is_same(package: CondaPackage, table: Mapping[str, Any]) -> bool:
    facts = [(package.name, "name"), (package.version, "version"), (package.build, "build")]
    known = [(package.md5, "md5"), (package.sha256, "sha256"), (package.size, "size")]
    return all(table.get(key) == value for value, key in facts) and all(
        not value or table.get(key) in (None, value) for value, key in known
    )


def _linked_from(package: CondaPackage) -> list[Path]:
    return [Path(package.link_source).parent] if package.link_source else []


def _folders(prefix: str, environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME") or Path.home())
    for text in re.split(rf"[,{os.pathsep}]", environ.get("CONDA_PKGS_DIRS", "")):
        if text.strip():
            yield Path(text.strip()).expanduser()
    roots = list(_roots(prefix, environ))
    for file in condarcs(prefix, environ):
        for text in _listed(file, "pkgs_dirs"):
            yield Path(os.path.expanduser(os.path.expandvars(text)))
    for root in roots:
        yield root / "pkgs"
    yield home / ".conda" / "pkgs"
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    yield Path(environ.get("RATTLER_CACHE_DIR") or cache / "rattler" / "cache") / "pkgs"
    yield home / ".mamba" / "pkgs"


def _roots(prefix: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Prefixes that conda or mamba itself may live in."""
    if environ.get("CONDA_EXE"):
        yield Path(environ["CONDA_EXE"]).parent.parent
    for name in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX"):
        if environ.get(name):
            yield Path(environ[name])
    place = Path(prefix)
    if place.parent.name == "envs":
        yield place.parent.parent
    yield place


def condarcs(prefix: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """The files that conda's settings may be in, the nearest first; not all of them need to be there."""
    home = Path(environ.get("HOME") or Path.home())
    if environ.get("CONDARC"):
        yield Path(environ["CONDARC"])
    for folder in (Path(prefix), home, home / ".conda", home / ".config" / "conda"):
        yield folder / ".condarc"
    yield from (root / ".condarc" for root in _roots(prefix, environ))
    yield Path("/etc/conda/.condarc")


def _listed(file: Path, key: str) -> list[str]:
    """The strings of a list in a file of YAML: ``key: [a, b]``, or a line ``- a`` for each.

    A condarc is a flat file, and a parser of YAML is a large dependency for one of its keys.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    match = re.search(
        rf"^{key}:[ \t]*(\[[^\]]*\])?[ \t]*(?:#.*)?\n?((?:[ \t]*-[^\n]*\n?|[ \t]*#[^\n]*\n?)*)",
        text,
        re.MULTILINE,
    )
    if match is None:
        return []
    items = (
        (match[1] or "").strip("[]").split(",")
        if match[1]
        else re.findall(r"^[ \t]*-[ \t]*(.*)$", match[2], re.MULTILINE)
    )
    bare = (re.sub(r"\s+#.*$", "", item).strip().strip("\"'") for item in items)
    return [item for item in bare if item]


def _unique(folders: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(folders))
