"""Which folders of the search path hold loose code: what can be imported from them, and no package owns.

They come from PYTHONPATH and .pth files (the scan names what is loose in them), from the rules, and from the search
path of the process that locks itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fastenv.scan.origin import directory_of
from fastenv.scan.strays import is_importable

if TYPE_CHECKING:
    from fastenv.scan.inventory import Distribution, Inventory, SearchPath

__all__ = ["SITE", "Folder", "Place", "Survey", "is_below", "never", "survey_folders"]

Place = Literal["front", "site", "back"]
"""Before the standard library, as PYTHONPATH is; in site-packages; after it, as what .pth files name is."""
SITE = "site-packages"
"""The name of what is in site-packages (``unowned``), which no other folder has."""
_OF_A_COPY = "/fastenv-overlays.pth"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder to ship. ``only`` are top-level names that are loose, None if all are; ``without`` are paths below it
    that are somebody's.
    """

    path: str
    place: Place
    name: str = ""
    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def holds(self, path: str) -> bool:
        """Whether a path below it is loose."""
        top = path.partition("/")[0]
        if self.only is not None and top not in self.only:
            return False
        return not any(path == it or path.startswith(f"{it}/") for it in self.without)


@dataclass(slots=True)
class Survey:
    """The folders in the order of the search path, each with a name of its own; and those that are not shipped, with
    the reason.
    """

    folders: list[Folder] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def survey_folders(
    inventory: Inventory, included: Sequence[Path] = (), search_path: Sequence[str] | None = None
) -> Survey:
    """The loose folders of an environment, ``included`` ones before the others.

    ``search_path`` is the sys.path of the process if it is its own environment that is locked: its order holds.
    """
    survey = Survey()
    found: dict[str, Folder] = {}
    candidates = [
        *(_Candidate(os.path.abspath(it), "front") for it in included),
        *(_of_process(search_path, inventory) if search_path is not None else ()),
        *(_of_scan(inventory)),
    ]
    for it in candidates:
        real = os.path.realpath(it.path)
        if real in found:
            continue
        reason = never(it.path) or ("" if it.folder else _of_installers(it.path))
        if reason:
            survey.left_out.append((it.path, reason))
            continue
        folder = it.folder or _owned_by_none(it, inventory)
        if folder is not None:
            found[real] = folder
    survey.folders = [*_named(found.values())]
    return survey


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: str
    place: Place
    folder: Folder | None = None


def _of_scan(inventory: Inventory) -> Iterator[_Candidate]:
    """Folders of PYTHONPATH and .pth files in which the scan found loose modules."""
    for entry in inventory.search_path:
        folder = _scanned(entry, inventory)
        if folder is not None:
            yield _Candidate(entry.path, folder.place, folder)


def _scanned(entry: SearchPath, inventory: Inventory) -> Folder | None:
    if entry.site or entry.layer not in ("PYTHONPATH", ".pth") or not os.path.isdir(entry.path):
        return None
    if entry.layer == ".pth" and any(
        is_below(entry.path, it.path) for it in inventory.search_path if it.site
    ):
        return None  # it stands where it is, and so does what names it
    prefix = f"{entry.path}/"
    inner = [it.path[len(prefix) :] for it in inventory.strays if it.path.startswith(prefix)]
    loose = frozenset(name for name in inner if "/" not in name)
    if not loose:
        return None
    shared = any(it.location == entry.path for it in inventory.distributions)
    place: Place = "front" if entry in _before_library(inventory) else "back"
    return Folder(entry.path, place, only=loose if shared else None, without=_others(entry.path, inventory))


def _before_library(inventory: Inventory) -> Iterator[SearchPath]:
    """What PYTHONPATH names, and what a copy has in front for the original's sake."""
    for entry in inventory.search_path:
        if entry.layer != "PYTHONPATH" and (entry.layer != ".pth" or not entry.added_by.endswith(_OF_A_COPY)):
            return
        yield entry


def _of_process(search_path: Sequence[str], inventory: Inventory) -> Iterator[_Candidate]:
    """Entries of sys.path that the scan knows nothing of: the script's folder, and what was added since."""
    facts = inventory.interpreter
    known = {os.path.realpath(it.path): it for it in inventory.search_path}
    ours = os.path.realpath(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    inside = [f"{os.path.realpath(it)}/" for it in ((facts.prefix, facts.base_prefix) if facts else ())]
    place: Place = "front"
    for text in search_path:
        path = os.path.abspath(text or ".")
        real = os.path.realpath(path)
        if os.path.isfile(f"{real}/os.py"):
            place = "back"  # of the standard library and beyond
        if real == ours:
            continue  # fastenv itself
        if real in known:
            folder = _scanned(known[real], inventory)
            if folder is not None:
                yield _Candidate(path, folder.place, folder)
        elif os.path.isdir(path) and not any(f"{real}/".startswith(it) for it in inside):
            yield _Candidate(path, place)


def _owned_by_none(it: _Candidate, inventory: Inventory) -> Folder | None:
    """The folder without what installations own; None if nothing is left that could be imported."""
    known = {os.path.realpath(entry.path) for entry in inventory.search_path if entry.layer == ".pth"}
    real = os.path.realpath(it.path)
    editable = [one for one in inventory.distributions if one.origin.kind == "editable"]
    if real in known and any(is_below(real, _root(one)) for one in editable):
        return None  # the whole of it is an editable installation's
    owned = {name for one in editable if is_below(real, _root(one)) for name in _modules(one)}
    without = frozenset(owned) | _others(it.path, inventory)
    names = [name for name in _names(it.path) if name not in without]
    if not any(is_importable(it.path, name) for name in names):
        return None
    return Folder(it.path, it.place, without=without)


def _others(path: str, inventory: Inventory) -> frozenset[str]:
    """Paths below a folder that are themselves on the search path, or the environment."""
    real = f"{os.path.realpath(path)}/"
    inner = [os.path.realpath(it.path) for it in inventory.search_path]
    inner.append(os.path.realpath(inventory.prefix))
    return frozenset(it[len(real) :] for it in inner if it.startswith(real))


def _modules(it: Distribution) -> Iterator[str]:
    """Top-level names of an editable installation, as its metadata tells them or as its name suggests."""
    try:
        names = Path(it.metadata_path, "top_level.txt").read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        names = [it.name.replace("-", "_")]
    for name in names:
        yield from (name, f"{name}.py")


def _root(it: Distribution) -> str:
    return os.path.realpath(directory_of(it.origin) or os.devnull)


def is_below(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies in it, by their names."""
    return f"{path}/".startswith(f"{folder}/")


def never(path: str) -> str:
    """Why a folder is never shipped, whoever asks for it; empty if it may be."""
    real = os.path.realpath(path)
    home = os.path.realpath(os.path.expanduser("~"))
    if is_below(home, real):
        return "it is the home folder" if real == home else "the home folder is in it"
    if real in (os.sep, os.path.realpath(os.sep + "tmp")):
        return "it is a folder of the system"
    names = set(_names(path))
    if "pyvenv.cfg" in names or "conda-meta" in names:
        return "it is an environment"
    return ""


def _of_installers(path: str) -> str:
    if os.path.basename(path) in ("site-packages", "dist-packages"):
        return (
            "installers write there, and it is on no search path that a scan can see; PYTHONPATH would be one"
        )
    return ""


def _names(path: str) -> Iterable[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return ()


def _named(folders: Iterable[Folder]) -> Iterator[Folder]:
    """Each with the last part of its path as its name, and a number where several would have the same."""
    taken = {SITE}
    for it in folders:
        last = os.path.basename(os.path.realpath(it.path))
        stem = _NOT_IN_A_NAME.sub("_", last).lstrip(".-")[:_LONGEST] or "folder"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        yield Folder(it.path, it.place, name, it.only, it.without)
