"""Several distributions of one name: which one counts, and why."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from fastenv.scan.inventory import Shadowed
from fastenv.scan.origin import directory_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastenv.scan.installed import Installed

__all__ = ["choose", "file_sha256"]

_SAMPLE = 64
"""How many files are hashed to tell which of two distributions in one directory is really there."""


def choose(installed: Iterable[Installed]) -> tuple[list[Installed], list[Shadowed]]:
    """One distribution a name, in the given order, the search path's, and those it shadows."""
    groups: dict[str, list[Installed]] = {}
    for item in installed:
        groups.setdefault(item.distribution.name, []).append(item)
    winners: list[Installed] = []
    shadowed: list[Shadowed] = []
    for group in groups.values():
        winner, reason = _winner(group)
        winners.append(winner)
        shadowed += [_shadowed(item, winner, reason) for item in group if item is not winner]
    return winners, shadowed


def _winner(group: list[Installed]) -> tuple[Installed, str]:
    """The one that counts, and why it does where several lie in the directory that comes first."""
    place = group[0].distribution.location
    rivals = [item for item in group if item.distribution.location == place]
    if len(rivals) == 1:
        return rivals[0], ""
    # An installation that was cut off leaves the old one beside it: the files tell which is there.
    shares = {id(item): _share_in_place(item, rivals) for item in rivals}
    best = max(rivals, key=lambda item: (shares[id(item)], item.record is not None, _order(item)))
    least = min(shares.values())
    if shares[id(best)] > least:
        names = os.path.basename(best.distribution.metadata_path)
        return best, f"the files there are those that {names} names"
    if best.record is not None and any(item.record is None for item in rivals):
        return best, f"of two in {place}, the other has no RECORD"
    return best, f"of two in {place} it is the newer one; their files do not tell"


def _share_in_place(item: Installed, rivals: list[Installed]) -> float:
    """Of the files by which ``item`` differs from its rivals, the part that is really there."""
    own = _claims(item)
    others = [_claims(rival) for rival in rivals if rival is not item]
    differing = sorted(
        path for path, digest in own.items() if any(other.get(path) != digest for other in others)
    )
    sample = differing[:: len(differing) // _SAMPLE + 1]
    if not sample:
        return 0.0
    place = item.distribution.location
    return sum(file_sha256(f"{place}/{path}") == own[path] for path in sample) / len(sample)


def _claims(item: Installed) -> dict[str, str]:
    """Hashed files below the site directory, metadata apart."""
    if item.record is None:
        return {}
    info = f"site/{item.record.metadata_name}/"
    return {
        install[5:]: digest
        for install, digest in zip(item.record.installs, item.record.hashes, strict=True)
        if digest and install.startswith("site/") and not install.startswith(info)
    }


def _order(item: Installed) -> Version:
    try:
        return Version(item.distribution.version)
    except InvalidVersion:
        return Version("0.dev0")


def _shadowed(item: Installed, winner: Installed, why: str) -> Shadowed:
    it, best = item.distribution, winner.distribution
    if it.location == best.location:
        reason = why
    elif best.origin.kind == "editable" and _is_below(it.location, directory_of(best.origin)):
        reason = "the source tree's own metadata, beside that of its editable installation"
    else:
        first = f"{best.location} ({best.layer}) comes before"
        reason = f"{first} {it.location} ({it.layer}) on the search path"
    return Shadowed(it.name, it.version, it.layer, it.metadata_path, best.metadata_path, reason)


def _is_below(path: str, folder: str) -> bool:
    return bool(folder) and os.path.realpath(path).startswith(os.path.realpath(folder))


def file_sha256(path: str) -> str:
    """The sha256 (hex) of a file; "" if it cannot be read."""
    try:
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()
