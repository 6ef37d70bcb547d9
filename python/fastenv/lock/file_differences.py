"""Which packages of an environment are not, in their files, what a lock or another environment has of them.

A scan tells versions and what RECORD says; this reads the files themselves. For ``fastenv lock --check`` and
``fastenv diff`` alike.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fastenv.composition import Difference
from fastenv.lock.conda_edits import find_conda_edits
from fastenv.lock.conda_half import site_of
from fastenv.lock.edits import Edit, Hashes, edits_text, find_edits
from fastenv.lock.own_edits import own_edit
from fastenv.lock.scripted import with_post_link

if TYPE_CHECKING:
    from fastenv.composition import Kind
    from fastenv.lock.lockfile import Lock, LockedPackage
    from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["edited", "edited_apart"]


def edited(lock: Lock, inventory: Inventory) -> Iterator[Difference]:
    """Packages of the lock (left) whose installed files are not those that were installed, or that were locked."""
    hashes = Hashes({it.location for it in inventory.distributions}, os.environ)
    own = {row.name: row for row in lock.packages if row.is_made_here}
    of_own = {it.name: it for it in inventory.distributions if it.name in own}
    yield from _edited_since(own, of_own, inventory, hashes)
    names = {row.name for row in lock.packages} - of_own.keys()
    yield from _shown("wheel", _wheel_edits(inventory, names, hashes))
    hashes.save()
    yield from _shown("conda", _conda_edits(inventory, scripts_run=lock.link_scripts))


def edited_apart(left: Inventory, right: Inventory) -> Iterator[Difference]:
    """Packages that both environments have, and of which the files of one were edited, or not those of both alike."""
    found = [_edits(side) for side in (left, right)]
    both = [_names(left), _names(right)]
    for key in sorted(found[0].keys() | found[1].keys()):
        kind, name = key
        rows = [side.get(key, ()) for side in found]
        if key in both[0] & both[1] and _content(left, kind, name, rows[0]) != _content(
            right, kind, name, rows[1]
        ):
            yield Difference(kind, name, "files", _words(rows[0]), _words(rows[1]))


def _edited_since(
    own: Mapping[str, LockedPackage],
    here: Mapping[str, Distribution],
    inventory: Inventory,
    hashes: Hashes,
) -> Iterator[Difference]:
    """What was built or packed up for the lock, and would be something else now."""
    for name, it in sorted(here.items()):
        if os.path.lexists(it.metadata_path):
            what = own_edit(own[name], it, inventory, hashes, os.environ)
            if what is not None:
                yield Difference("wheel", name, "files", "as locked", what)


def _wheel_edits(
    inventory: Inventory, names: Collection[str], hashes: Hashes
) -> Mapping[str, Sequence[Edit]]:
    """What is not as RECORD says of these distributions, where their files are on this machine."""
    contested = {row.path for row in inventory.contested}
    wheels = [
        it
        for it in inventory.distributions
        if it.name in names and it.files_digest and os.path.isdir(it.metadata_path)
    ]
    if not wheels:
        return {}
    return find_edits(wheels, contested=contested, environ=os.environ, hashes=hashes)


def _conda_edits(inventory: Inventory, *, scripts_run: bool) -> Mapping[str, Sequence[Edit]]:
    """What is not as conda's records say. ``scripts_run``: a copy runs link scripts, which may have edited it."""
    conda = inventory.conda
    if conda is None or not os.path.isdir(conda.prefix):
        return {}
    packages = [it for it in conda.packages if not it.problems]
    if scripts_run and with_post_link(packages, conda.prefix):
        return {}
    return find_conda_edits(
        packages,
        conda.prefix,
        site=site_of(inventory),
        contested={row.path for row in inventory.contested},
        environ=os.environ,
    )


def _edits(inventory: Inventory) -> dict[tuple[Kind, str], Sequence[Edit]]:
    hashes = Hashes({it.location for it in inventory.distributions}, os.environ)
    names = {name for kind, name in _names(inventory) if kind == "wheel"}
    wheels = _wheel_edits(inventory, names, hashes)
    hashes.save()
    conda = _conda_edits(inventory, scripts_run=False)
    of_wheels: dict[tuple[Kind, str], Sequence[Edit]] = {
        ("wheel", name): rows for name, rows in wheels.items()
    }
    return {**of_wheels, **{("conda", name): rows for name, rows in conda.items()}}


def _names(inventory: Inventory) -> set[tuple[Kind, str]]:
    found: set[tuple[Kind, str]] = {
        ("wheel", it.name) for it in inventory.distributions if it.origin.kind != "conda"
    }
    conda = inventory.conda
    return found | {("conda", it.name) for it in (conda.packages if conda is not None else ())}


def _content(inventory: Inventory, kind: Kind, name: str, rows: Sequence[Edit]) -> list[tuple[str, str]]:
    """The edited paths of a package, each with the sha256 of what is there."""
    places = {it.name: it.location for it in inventory.distributions} if kind == "wheel" else {}
    found = []
    for row in rows:
        scheme, _, below = row.install_path.partition("/")
        inner = f"{inventory.prefix}/{row.install_path}"
        if kind == "wheel":
            inner = f"{places[name]}/{below}" if scheme == "site" else f"{inventory.prefix}/{below}"
        found.append((row.install_path, _sha256(inner) or row.what))
    return found


def _sha256(file: str) -> str:
    from fastenv.digest import sha256_of

    try:
        return sha256_of(file)
    except OSError:
        return ""


def _shown(kind: Kind, edits: Mapping[str, Sequence[Edit]]) -> Iterator[Difference]:
    for name, rows in sorted(edits.items()):
        yield Difference(kind, name, "files", "as installed", _words(rows))


def _words(rows: Sequence[Edit]) -> str:
    return edits_text(rows) if rows else "as installed"
