"""What of the system the objects in loose code, and in extra packages that lie on this machine, need.

The scan knows not all of them. Whether a library is the environment's own takes all its objects, which are read again;
only where there are others.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastenv.damage import DAMAGE
from fastenv.lock.lockfile import LockedLibrary
from fastenv.lock.sources import file_path
from fastenv.scan.libraries import is_object

if TYPE_CHECKING:
    from fastenv.lock.overlays import Overlays
    from fastenv.lock.pins import Candidate
    from fastenv.scan.inventory import Inventory
    from fastenv.settings import Rules

__all__ = ["loose_libraries", "with_loose_libraries"]

_OF_THE_ENVIRONMENT = ""
_UNREADABLE: tuple[type[Exception], ...] = (*DAMAGE, OSError)


def loose_libraries(
    inventory: Inventory, overlays: Overlays, extras: Mapping[str, Candidate], rules: Rules
) -> list[LockedLibrary]:
    """Libraries of this machine that they need: for ``overlay:NAME``, or an extra package by its name.

    ``extras`` are wheels by the packages' names; those that are not on this machine are passed over.
    """
    with tempfile.TemporaryDirectory(prefix="fastenv-objects-") as room:
        parts = [*_of_overlays(overlays), *_of_wheels(extras, Path(room))]
        if sys.platform != "linux" or not parts:
            return []
        from fastenv import _core

        facts = inventory.interpreter
        found = _core.needed_libraries(
            [*parts, (_OF_THE_ENVIRONMENT, [*_own_objects(inventory)])],
            library_path=dict(inventory.variables).get("LD_LIBRARY_PATH", ""),
            program=None if facts is None else facts.executable or None,
        )
    rows = []
    for it in found:
        needing = tuple(name for name in it.packages if name != _OF_THE_ENVIRONMENT)
        if it.path is not None and needing:
            folders = tuple(folder for folder in map(str, it.folders) if not folder.startswith(room))
            optional = it.name in rules.allow_missing_libs
            rows.append(LockedLibrary(it.name, needing, tuple(it.versions), folders, optional))
    return rows


def with_loose_libraries(rows: Iterable[LockedLibrary], more: Sequence[LockedLibrary]) -> list[LockedLibrary]:
    """The rows of a lock, and ``more``; of a library in both, what both say."""
    found = {it.name: it for it in rows}
    for it in more:
        known = found.get(it.name, LockedLibrary(it.name, ()))
        found[it.name] = LockedLibrary(
            it.name,
            tuple(sorted({*known.packages, *it.packages})),
            tuple(sorted({*known.versions, *it.versions})),
            tuple(dict.fromkeys([*known.folders, *it.folders])),
            it.optional,
        )
    return list(found.values())


def _of_overlays(overlays: Overlays) -> Iterator[tuple[str, list[str]]]:
    for folder, choice in overlays.folders:
        files = [it.file for it in choice.files if is_object(it.path)]
        if files:
            yield f"overlay:{folder.name}", files


def _of_wheels(wheels: Mapping[str, Candidate], room: Path) -> Iterator[tuple[str, list[str]]]:
    """The objects of each wheel, unpacked below ``room`` as they will lie beside each other."""
    for name, wheel in wheels.items():
        path = file_path(wheel.url)
        if path is None:
            continue
        try:
            with zipfile.ZipFile(path) as archive:
                inner = [it for it in archive.infolist() if is_object(it.filename) and not it.is_dir()]
                files = [archive.extract(it, room) for it in inner]
        except _UNREADABLE:
            continue  # the node says what is wrong with it
        if files:
            yield name, files


def _own_objects(inventory: Inventory) -> Iterator[str]:
    """All files of the environment that by their names are objects."""
    folders = [it.path for it in inventory.search_path if it.site]
    if inventory.conda is not None:
        folders = [inventory.conda.prefix, *folders]
    seen = set()
    for folder in folders:
        for place, inner, names in os.walk(folder):
            inner[:] = [name for name in inner if name not in ("pkgs", "envs", "__pycache__")]
            for name in names:
                path = f"{place}/{name}"
                if is_object(name) and path not in seen:
                    seen.add(path)
                    yield path
