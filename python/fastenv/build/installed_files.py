"""Which files of this machine an installed distribution consists of, and where each goes.

By RECORD; by installed-files.txt, which pip wrote for an .egg-info; or, where nobody wrote down anything, by the
names in top_level.txt.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from fastenv.build.wheel_file import NotPackable
from fastenv.scan.inventory import Distribution
from fastenv.scan.metadata import read_text
from fastenv.scan.record import OF_THE_INSTALLATION, install_path, read_record
from fastenv.tree import files_below

__all__ = ["InstalledFile", "files_of_tree", "installed_files"]

_NOT_PACKED = (*OF_THE_INSTALLATION, "RECORD.jws", "RECORD.p7s")
"""Files of the .dist-info that tell of one installation, or sign its RECORD."""
_CACHES = (
    "__pycache__",
    ".git",
    ".hg",
    ".svn",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".ipynb_checkpoints",
)
_EXTENSIONS = (".so", ".py", ".pyd")


@dataclass(frozen=True)
class InstalledFile:
    """``file`` on this machine, and its install path (docs/inventory.md)."""

    install_path: str
    file: str


def installed_files(it: Distribution, others: Iterable[Distribution] = ()) -> list[InstalledFile]:
    """The files of ``it`` that are there, metadata included, without byte code and generated scripts.

    ``others`` are all distributions: what their RECORDs own is not taken for that of one without. Raises
    NotPackable where no file is known to be of ``it``, OSError where its metadata cannot be read.
    """
    scripts = {point.name for point in it.entry_points if point.group in ("console_scripts", "gui_scripts")}
    found = {row.install_path: row for row in _listed(it, others)}
    return [
        row
        for row in found.values()
        if not row.file.endswith(".pyc")
        and not _is_generated(row.install_path, scripts)
        and os.path.isfile(row.file)
    ]


def _listed(it: Distribution, others: Iterable[Distribution]) -> Iterator[InstalledFile]:
    info = os.path.basename(it.metadata_path)
    if it.format == "egg":
        yield from files_of_tree(it.location, "site", without=("EGG-INFO",))
        return
    if os.path.isfile(f"{it.metadata_path}/RECORD"):
        own = {f"site/{info}/{name}" for name in _NOT_PACKED}
        for row in read_record(it.metadata_path).rows():
            if row.install_path not in own:
                yield InstalledFile(row.install_path, row.file)
        return
    if it.format == "dist-info":
        for file in files_of_tree(it.metadata_path, f"site/{info}"):
            if os.path.basename(file.file) not in _NOT_PACKED:
                yield file
    if os.path.isfile(f"{it.metadata_path}/installed-files.txt"):
        yield from _noted_by_pip(it)
    else:
        yield from _below_top_level(it, others)


def _noted_by_pip(it: Distribution) -> Iterator[InstalledFile]:
    """The lines of installed-files.txt are relative to the .egg-info."""
    for line in read_text(f"{it.metadata_path}/installed-files.txt").splitlines():
        file = os.path.normpath(os.path.join(it.metadata_path, line.strip()))
        path = install_path(it.location, os.path.relpath(file, it.location))
        if path and not file.startswith(f"{it.metadata_path}/"):
            yield InstalledFile(path, file)


def _below_top_level(it: Distribution, others: Iterable[Distribution]) -> Iterator[InstalledFile]:
    names = _top_level(it)
    taken = _recorded(it, others)
    count = 0
    for name in names:
        place = f"{it.location}/{name}"
        if os.path.isdir(place):
            rows = list(files_of_tree(place, f"site/{name}"))
        else:
            rows = [InstalledFile(f"site/{file}", f"{it.location}/{file}") for file in _modules(it, name)]
        for row in rows:
            if row.install_path not in taken:
                count += 1
                yield row
    if not count:
        raise NotPackable("it has no RECORD, and there is no module of a name that it tells")


def _top_level(it: Distribution) -> list[str]:
    """The names in top_level.txt; without one, that of the distribution as a module would have it."""
    try:
        lines = read_text(f"{it.metadata_path}/top_level.txt").split()
    except (OSError, UnicodeDecodeError):
        lines = []
    names = [line for line in lines if line not in (".", "..") and not line.startswith("/")]
    return names or sorted({it.display_name.replace("-", "_"), it.name.replace("-", "_")})


def _modules(it: Distribution, name: str) -> list[str]:
    head, _, base = name.rpartition("/")
    folder = f"{it.location}/{head}".rstrip("/")
    try:
        beside = os.listdir(folder)
    except OSError:
        return []
    found = [file for file in beside if file.partition(".")[0] == base and file.endswith(_EXTENSIONS)]
    return sorted(f"{head}/{file}" if head else file for file in found)


def _recorded(it: Distribution, others: Iterable[Distribution]) -> set[str]:
    """What the RECORDs of others in the same folder own."""
    owned: set[str] = set()
    for other in others:
        if other.location == it.location and other.name != it.name:
            try:
                owned.update(read_record(other.metadata_path).installs)
            except (OSError, UnicodeDecodeError):
                continue
    return owned


def files_of_tree(folder: str, below: str, *, without: Collection[str] = ()) -> Iterator[InstalledFile]:
    """Every file below ``folder``, which is at the install path ``below``; no byte code, no caches.

    ``without`` are names on the top level that are passed over.
    """
    for path in files_below(folder, lambda _, name: name in _CACHES):
        if path.partition("/")[0] not in without and not path.endswith(".pyc"):
            yield InstalledFile(f"{below}/{path}", f"{folder}/{path}")


def _is_generated(path: str, scripts: Collection[str]) -> bool:
    return path.startswith("prefix/bin/") and path[11:] in scripts
