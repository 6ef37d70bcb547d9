"""Every distribution on the search path, sound or broken, in the order in which Python would meet them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastenv.scan.dist_info import read_dist_info
from fastenv.scan.egg_info import read_egg_info
from fastenv.scan.inventory import Broken
from fastenv.scan.origin import linked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastenv.scan.conda import CondaRecords
    from fastenv.scan.installed import Installed
    from fastenv.scan.inventory import SearchPath

__all__ = ["Found", "find"]


@dataclass(slots=True)
class Found:
    """What was found, duplicates of a name included. ``listings`` are the names in each directory of the
    search path, by its path.
    """

    installed: list[Installed] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    listings: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find(entries: Iterable[SearchPath], conda: CondaRecords | None) -> Found:
    """All distributions in the directories of ``entries``, which are not changed and not imported."""
    found = Found()
    links: dict[str, str] = {}
    entries = list(entries)
    for entry in entries:
        try:
            found.listings[entry.path] = sorted(os.listdir(entry.path))
        except OSError as error:
            found.listings[entry.path] = []
            found.notes.append(
                f"{entry.path} cannot be read ({error.strerror}): what it holds is not known"
            )
        _collect_links(entry, found, links)
    for entry in entries:
        for name in found.listings[entry.path]:
            _look_at(entry, name, found, conda)
        if entry.path.endswith(".egg"):
            _keep(read_egg_info(f"{entry.path}/EGG-INFO", entry), found)
    _follow_links(found, links, entries)
    return found


def _look_at(entry: SearchPath, name: str, found: Found, conda: CondaRecords | None) -> None:
    path = f"{entry.path}/{name}"
    if name.startswith("~"):
        # pip renames what it is about to remove to ~ame; strays.py reports what it left of that.
        return
    if name.endswith(".dist-info"):
        _keep(read_dist_info(path, entry, conda), found)
    elif name.endswith(".egg-info"):
        _keep(read_egg_info(path, entry, conda), found)


def _keep(outcome: Installed | Broken, found: Found) -> None:
    if isinstance(outcome, Broken):
        found.broken.append(outcome)
        return
    found.installed.append(outcome)
    if problems := outcome.distribution.problems:
        it = outcome.distribution
        found.broken.append(Broken(it.metadata_path, it.layer, it.name, problems))


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
    """Mark the source trees that .egg-links and .pth files lead to as editable, and report dead links."""
    layers = {entry.path: entry.layer for entry in entries}
    real = {os.path.realpath(folder) for folder in links.values()}
    for at, item in enumerate(found.installed):
        it = item.distribution
        if it.format != "dist-info" and (
            it.layer == ".pth" or os.path.realpath(it.location) in real
        ):
            changed = replace(it, origin=linked(it.location), requested=True)
            found.installed[at] = replace(item, distribution=changed)
    have = {os.path.realpath(item.distribution.location) for item in found.installed}
    for link, folder in links.items():
        if os.path.realpath(folder) not in have:
            reason = f"the .egg-link leads to {folder}, where no metadata is on the search path"
            found.broken.append(Broken(link, layers[os.path.dirname(link)], "", (reason,)))
