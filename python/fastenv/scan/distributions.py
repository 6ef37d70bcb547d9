"""Every distribution on the search path, sound or broken, in the order of that path."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastenv.scan.dist_info import read_dist_info
from fastenv.scan.egg_info import read_egg_info
from fastenv.scan.inventory import Broken, Stray
from fastenv.scan.origin import linked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.installed import Installed
    from fastenv.scan.inventory import SearchPath

__all__ = ["Found", "find"]


@dataclass(slots=True)
class Found:
    """What was found, duplicates of a name included.

    ``listings`` are the names in each
    directory of the search path, by its path.
    """

    installed: list[Installed] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    listings: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find(entries: Iterable[SearchPath], conda: CondaPrefix | None) -> Found:
    """All distributions in the directories of ``entries``; nothing is imported."""
    found = Found()
    links: dict[str, str] = {}
    entries = list(entries)
    for entry in entries:
        try:
            found.listings[entry.path] = sorted(os.listdir(entry.path))
        except OSError as error:
            found.listings[entry.path] = []
            found.notes.append(f"{entry.path} cannot be read ({error.strerror}): what it holds is not known")
        _collect_links(entry, found, links)
    for entry in entries:
        for name in found.listings[entry.path]:
            _look_at(entry, name, found, conda)
        if entry.path.endswith(".egg"):
            _keep(read_egg_info(f"{entry.path}/EGG-INFO", entry), found)
    _follow_links(found, links, entries)
    return found


def _look_at(entry: SearchPath, name: str, found: Found, conda: CondaPrefix | None) -> None:
    path = f"{entry.path}/{name}"
    if name.startswith("~"):
        # pip renames what it is about to remove to ~ame; strays.py reports what it left of that.
        return
    if name.endswith(".dist-info"):
        _keep(read_dist_info(path, entry, conda), found)
    elif name.endswith(".egg-info"):
        _keep(read_egg_info(path, entry, conda), found, is_site=entry.site)


def _keep(outcome: Installed | Broken, found: Found, *, is_site: bool = False) -> None:
    if isinstance(outcome, Broken):
        found.broken.append(outcome)
        return
    it = outcome.distribution
    if it.format == "egg-info" and outcome.trees and is_site and not _has_modules(outcome, found):
        reason = "metadata without modules: none of those that its top_level.txt names is there"
        found.strays.append(Stray(it.metadata_path, it.layer, "egg-info", reason))
        return
    found.installed.append(outcome)


def _has_modules(item: Installed, found: Found) -> bool:
    """Whether any of the top-level modules of an .egg-info lies beside it."""
    beside = {name.partition(".")[0] for name in found.listings[item.distribution.location]}
    return any(tree in beside for tree in item.trees)


def _collect_links(entry: SearchPath, found: Found, links: dict[str, str]) -> None:
    """Note which directory each .egg-link (of ``setup.py develop``) means: its first line."""
    for name in found.listings[entry.path]:
        if name.endswith(".egg-link"):
            link = f"{entry.path}/{name}"
            try:
                with open(link, encoding="utf-8", errors="surrogateescape") as lines:
                    links[link] = os.path.join(entry.path, lines.readline().strip())
            except OSError as error:
                reason = f"the .egg-link cannot be read: {error.strerror}"
                found.broken.append(Broken(link, entry.layer, "", (reason,)))


def _follow_links(found: Found, links: dict[str, str], entries: list[SearchPath]) -> None:
    """Mark source trees that .egg-links and .pth files lead to as editable; report dead links."""
    layers = {entry.path: entry.layer for entry in entries}
    real = {os.path.realpath(folder) for folder in links.values()}
    for at, item in enumerate(found.installed):
        it = item.distribution
        if it.format != "dist-info" and (it.layer == ".pth" or os.path.realpath(it.location) in real):
            changed = replace(it, origin=linked(it.location), requested=True)
            found.installed[at] = replace(item, distribution=changed)
    have = {os.path.realpath(item.distribution.location) for item in found.installed}
    for link, folder in links.items():
        if os.path.realpath(folder) not in have:
            reason = f"the .egg-link leads to {folder}, where no metadata is on the search path"
            found.broken.append(Broken(link, layers[os.path.dirname(link)], "", (reason,)))
