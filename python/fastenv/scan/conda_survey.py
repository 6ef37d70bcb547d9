"""The files of a conda prefix against its records: what is gone, what replaced it, and what nobody owns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastenv.listing import some_of
from fastenv.scan.installed import canonical
from fastenv.scan.inventory import Broken, Claim, Contested, LeftOut, Shadowed, Stray

if TYPE_CHECKING:
    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.conda_record import CondaRecord
    from fastenv.scan.installed import Installed

__all__ = ["CondaSurvey", "survey_conda"]

_NOT_WALKED = ("conda-meta", ".fastenv")
_OF_A_BASE = ("envs", "pkgs")
"""Folders of the prefix that conda itself runs in: other environments, and the package cache."""
_OF_TOOLS = {
    "CACHEDIR.TAG": "written by the tool that made the environment",
    ".condarc": "settings of conda",
    ".gitignore": "written by the tool that made the environment",
    ".nonadmin": "written by the tool that made the environment",
    "condabin/": "written by the tool that made the environment",
}
_INFO = (".dist-info", ".egg-info")


@dataclass(slots=True)
class CondaSurvey:
    """What a look at the files adds to the records.

    ``left_out`` are packages of which another installer has left nothing; ``removed`` are the paths that it took
    away of packages that are still there.
    """

    strays: list[Stray] = field(default_factory=list)
    shadowed: list[Shadowed] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    removed: list[Contested] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def survey_conda(found: CondaPrefix, installed: Sequence[Installed], sites: Sequence[str]) -> CondaSurvey:
    """Compare records and files; marks the packages of ``found`` with their problems, and takes those out that
    another installer has replaced.

    ``installed`` are the distributions that count; ``sites`` the folders that were walked already.
    """
    result = CondaSurvey(broken=list(found.broken))
    others = [item for item in installed if item.distribution.origin.kind != "conda"]
    owned = {file.path for record in found.records for file in record.files} | _of_others(found, others)
    kept = [record for record in found.records if _judge(found, record, others, result)]
    found.records[:] = kept
    for record in kept:
        package = record.package
        if package.problems:
            result.broken.append(Broken(package.record, "env", f"conda:{package.name}", package.problems))
    result.strays += _strays(found.prefix, owned, sites)
    return result


def _of_others(found: CondaPrefix, others: Sequence[Installed]) -> set[str]:
    """Paths below the prefix that RECORDs of other installers name."""
    root = f"{found.prefix}/"
    records = [item.record for item in others if item.record is not None]
    files = (
        record.file(record.paths[at], record.installs[at]) for record in records for at in record.elsewhere
    )
    return {file[len(root) :] for file in files if file.startswith(root)}


def _judge(found: CondaPrefix, record: CondaRecord, others: Sequence[Installed], result: CondaSurvey) -> bool:
    """Whether the package is still there; notes what is gone of it, and by whom."""
    root = f"{found.prefix}/"
    gone = [
        file.path for file in record.files if not file.is_bytecode and not os.path.lexists(root + file.path)
    ]
    if not gone:
        return True
    package = record.package
    successor = _successor(found, record, others)
    if successor is None and _was_uninstalled(found, record, gone):
        reason = "its record is there, but none of its files: pip or another installer removed them"
        result.left_out.append(LeftOut(f"conda:{package.name}", package.version, "env", reason))
        return False
    if successor is None:
        problem = f"files that its record names are gone: {some_of(gone)}"
        record.package = replace(package, problems=(*package.problems, problem))
        return True
    it = successor.distribution
    left = _left(found, record, set(gone), successor)
    name, reason = (
        f"conda:{package.name}",
        f"{it.installer or 'another installer'} put {it.name} {it.version} in its place",
    )
    result.shadowed.append(Shadowed(name, package.version, "env", package.record, it.metadata_path, reason))
    if not left:
        result.left_out.append(LeftOut(name, package.version, "env", reason))
        return False
    for path in gone:
        claims = (Claim(name, "", "env"), Claim(it.name, "", it.layer))
        result.removed.append(Contested(found.install_path(path), it.name, claims, f"it is gone: {reason}"))
    return True


def _successor(found: CondaPrefix, record: CondaRecord, others: Sequence[Installed]) -> Installed | None:
    """The distribution that another installer put where one of this package was."""
    below = f"{found.site}/"
    tops = {file.path[len(below) :].partition("/")[0] for file in record.files if file.path.startswith(below)}
    names = {canonical(top.rpartition(".")[0].partition("-")[0]) for top in tops if top.endswith(_INFO)}
    return next((item for item in others if item.distribution.name in names), None)


def _was_uninstalled(found: CondaPrefix, record: CondaRecord, gone: list[str]) -> bool:
    """Whether nothing is left of a distribution, as after ``pip uninstall``, which leaves conda's record."""
    files = [file for file in record.files if not file.is_bytecode and file.kind != "directory"]
    is_distribution = any(
        found.install_path(file.path).partition("/")[2].partition("/")[0].endswith(_INFO) for file in files
    )
    return is_distribution and len(gone) >= len(files)


def _left(found: CondaPrefix, record: CondaRecord, gone: set[str], successor: Installed) -> list[str]:
    """The files that are the package's still: there, and not the successor's."""
    claimed = set(found.installs(successor.record)) if successor.record is not None else set()
    return [
        file.path
        for file in record.files
        if not file.is_bytecode
        and file.kind != "directory"
        and file.path not in gone
        and found.install_path(file.path) not in claimed
    ]


def _strays(prefix: str, owned: set[str], sites: Sequence[str]) -> Iterator[Stray]:
    folders = {path.rpartition("/")[0] for path in owned}
    for folder in list(folders):
        while folder := folder.rpartition("/")[0]:
            folders.add(folder)
    skipped = {os.path.relpath(site, prefix) for site in sites} | set(_NOT_WALKED)
    if os.path.isdir(f"{prefix}/condabin") or os.path.isdir(f"{prefix}/pkgs"):
        skipped |= set(_OF_A_BASE)
    walk = _Walk(prefix, owned, folders, skipped)
    for path in sorted(walk.below("")):
        yield _stray(prefix, path)


def _stray(prefix: str, path: str) -> Stray:
    where = f"{prefix}/{path}".rstrip("/")
    if path in _OF_TOOLS:
        return Stray(where, "env", "venv", _OF_TOOLS[path])
    kind = "script" if path.startswith("bin/") and not path.endswith("/") else "file"
    return Stray(
        where, "env", "script" if kind == "script" else "file", "no record of conda and no RECORD names it"
    )


@dataclass(slots=True)
class _Walk:
    """Finds what nobody owns; a folder without anything owned stands for all that is in it."""

    prefix: str
    owned: set[str]
    folders: set[str]
    skipped: set[str]

    def below(self, folder: str) -> Iterator[str]:
        """Paths relative to the prefix; those of folders end in a slash."""
        try:
            entries = list(os.scandir(f"{self.prefix}/{folder}"))
        except OSError:
            return
        for item in entries:
            path = f"{folder}/{item.name}".lstrip("/")
            if path in self.owned or path in self.skipped or item.name == "__pycache__":
                continue
            if path.endswith(".pyc") and f"{path[:-1]}" in self.owned:
                continue
            if not item.is_dir(follow_symlinks=False):
                yield path
            elif path in self.folders or any(it.startswith(f"{path}/") for it in self.skipped):
                yield from self.below(path)
            elif next(self.below(path), None) is not None:
                yield f"{path}/"
