"""Files in site-packages that no package owns: which of them are shipped.

They go into the site-packages of the copy, so that what an import finds first is what it finds here: after the standard
library, before what ``.pth`` files name, and inside the folders of packages. Where several site directories become one,
what an import would not find stays here.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastenv.loose.files import ODD, Choice, choose_named
from fastenv.loose.folders import SITE, Folder, is_below, never
from fastenv.loose.pth import copied
from fastenv.scan.installed import canonical

if TYPE_CHECKING:
    from fastenv.loose.files import Found, Rule
    from fastenv.scan.inventory import Inventory, SearchPath, Stray

__all__ = ["Unowned", "find_unowned", "in_site", "may_travel", "module_name"]

_KINDS = ("module", "file")
_EGG = ".egg"
_WITHHELD = "it looks like a secret; a pattern in include takes it in"
_OF_A_PACKAGE = re.compile(r"(.+)/__init__\.(?:py|pyc|so|[^/]+\.so)")


@dataclass(slots=True)
class Unowned:
    """What is shipped of them; and of what is not the place on this machine, the path from site-packages, and why."""

    choice: Choice = field(default_factory=Choice)
    left_out: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def folder(self) -> Folder:
        """How the other folders of loose code see it."""
        return Folder("", "site", SITE)


def find_unowned(inventory: Inventory, rule: Rule) -> Unowned:
    """The unowned files of all site directories of an environment of this machine, the first of a path winning.

    Raises FileSystemError for what can't be read.
    """
    result = Unowned()
    files: dict[str, Found] = {}
    earlier: list[str] = []
    absent = _Absent.of(inventory)
    for entry in (it for it in inventory.search_path if it.site and os.path.isdir(it.path)):
        names = [*_names(entry, inventory)]
        for name in names:
            reason = _reason(entry.path, name, earlier) or absent.reason(entry.path, name)
            if reason:
                result.left_out.append((f"{entry.path}/{name}", name, reason))
                continue
            chosen = choose_named(entry.path, name, rule)
            result.left_out += [(f"{entry.path}/{it}", it, _WITHHELD) for it in chosen.secrets]
            result.left_out += [(f"{entry.path}/{it}", it, ODD) for it in chosen.odd]
            for it in map(_as_copied(entry.path), chosen.files):
                if it is not None:
                    files.setdefault(it.path, it)
        earlier.append(entry.path)
    result.choice.files = sorted(files.values(), key=lambda it: it.path.encode())
    return result


def in_site(path: str, inventory: Inventory) -> str | None:
    """The path relative to the site directory that it lies in; None if it lies in none."""
    for entry in inventory.search_path:
        if entry.site and path.startswith(f"{entry.path}/"):
            return path[len(entry.path) + 1 :].rstrip("/")
    return None


def may_travel(stray: Stray, inventory: Inventory) -> bool:
    """Whether a lock takes it along, unless a rule or what it holds says otherwise."""
    if stray.kind == "file":
        return in_site(stray.path, inventory) is not None and not stray.path.endswith(_EGG)
    return stray.kind == "module"


def module_name(name: str) -> str:
    """What an import calls a file or folder: ``x`` of ``x.cpython-311-x86_64-linux-gnu.so``."""
    return name.partition(".")[0]


def _names(entry: SearchPath, inventory: Inventory) -> Iterator[str]:
    """What the scan found to be nobody's in one directory: files, and folders that are so as a whole."""
    prefix = f"{entry.path}/"
    for stray in inventory.strays:
        if stray.kind in _KINDS and stray.path.startswith(prefix):
            name = stray.path[len(prefix) :].rstrip("/")
            if not name.endswith(_EGG):
                yield name


def _reason(site: str, name: str, earlier: Iterable[str]) -> str:
    """Why it is not shipped for what it is or because an import finds something else; empty if it is."""
    path = f"{site}/{name}"
    if os.path.islink(path) and os.path.isdir(path):
        reason = never(path)
        if reason:
            return reason
        if is_below(os.path.realpath(site), os.path.realpath(path)):
            return "it leads to a folder that it is in"
    top = name.partition("/")[0]
    for folder in earlier:
        if os.path.lexists(f"{folder}/{name}") or _is_module(folder, top):
            return f"{folder} has another of this name, which comes first"
    return ""


def _is_module(folder: str, top: str) -> bool:
    """Whether an import of what ``top`` is called would end in ``folder``; a namespace package is in several."""
    if top.endswith(".pth"):
        return False
    stem = module_name(top)
    if os.path.isfile(f"{folder}/{stem}/__init__.py") or os.path.isfile(f"{folder}/{stem}.py"):
        return True
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(it.startswith(f"{stem}.") and it.endswith(".so") for it in names)


def _as_copied(site: str) -> Callable[[Found], Found | None]:
    """A file as it is to be in the copy: a ``.pth`` file without what is only here."""

    def convert(it: Found) -> Found | None:
        if "/" in it.path or not it.path.endswith(".pth"):
            return it
        content = copied(it.file, site)
        return None if content is None else replace(it, content=content, size=len(content))

    return convert


@dataclass(slots=True)
class _Absent:
    """The folders of packages that are left out, by site directory: what others put into such a folder stays, too."""

    by_site: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, inventory: Inventory) -> _Absent:
        """Read the RECORDs of what is left out and still installed."""
        names = {canonical(it.name.removeprefix("conda:")) for it in inventory.left_out if it.version}
        result = cls()
        if not names:
            return result
        for entry in inventory.search_path:
            if entry.site:
                result.by_site[entry.path] = dict(_folders(entry.path, names))
        return result

    def reason(self, site: str, name: str) -> str:
        """Why a path is not shipped; empty if it is no part of such a package."""
        folders = self.by_site.get(site, {})
        while name := name.rpartition("/")[0]:
            if name in folders:
                return f"it lies in {folders[name]}, which is left out"
        return ""


def _folders(site: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Folders of regular packages, and the name of the distribution that has them."""
    try:
        infos = [it for it in os.listdir(site) if it.endswith(".dist-info")]
    except OSError:
        return
    for info in infos:
        name = canonical(info.partition("-")[0])
        if name not in names:
            continue
        try:
            with open(f"{site}/{info}/RECORD", encoding="utf-8", errors="surrogateescape") as rows:
                for row in csv.reader(rows):
                    match = _OF_A_PACKAGE.fullmatch(row[0]) if row else None
                    if match is not None:
                        yield match[1], name
        except (OSError, csv.Error):
            continue
