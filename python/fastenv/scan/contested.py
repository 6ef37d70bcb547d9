"""Install paths that several distributions claim, and whose bytes are really there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastenv.scan.duplicates import file_sha256
from fastenv.scan.inventory import Claim, Contested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastenv.scan.installed import Installed

__all__ = ["contested_paths"]


def contested_paths(winners: Sequence[Installed], order: Sequence[str]) -> tuple[Contested, ...]:
    """The contested paths, sorted. ``order`` are the directories of the search path.

    Scripts that installers generate count as well: their rows of RECORD have hashes too. A path
    that all claim with one content is not contested.
    """
    ranks = {path: rank for rank, path in enumerate(order)}
    claims = _claims(winners, _claimed_twice(winners))
    return tuple(
        _decide(path, claims[path], ranks)
        for path in sorted(claims)
        if len({claim.sha256 for claim, _, _ in claims[path]}) > 1
    )


_Claimed = tuple[Claim, str, str]
"""A claim, the directory of the distribution, and the file on this machine."""


def _claimed_twice(winners: Sequence[Installed]) -> set[str]:
    """Install paths in more than one RECORD; nearly all are in one, so they are counted first."""
    columns = [item.record.installs for item in winners if item.record is not None]
    seen: set[str] = set()
    if len(seen.union(*columns)) == sum(map(len, columns)):
        return set()
    twice: set[str] = set()
    for column in columns:
        paths = set(column)
        twice |= seen & paths
        seen |= paths
    return twice


def _claims(winners: Sequence[Installed], paths: set[str]) -> dict[str, list[_Claimed]]:
    found: dict[str, list[_Claimed]] = {}
    if not paths:
        return found
    for item in winners:
        record, it = item.record, item.distribution
        if record is None or paths.isdisjoint(record.installs):
            continue
        for path, install, digest in zip(record.paths, record.installs, record.hashes, strict=True):
            if digest and install in paths:
                claim = Claim(it.name, digest, it.layer)
                found.setdefault(install, []).append((claim, it.location, record.file(path, install)))
    return found


def _decide(path: str, claims: list[_Claimed], ranks: dict[str, int]) -> Contested:
    """The winner: the file that comes first on the search path, and whose hash it has."""
    first = min(claims, key=lambda claimed: ranks.get(claimed[1], len(ranks)))[1]
    here = sorted((claim for claim, location, _ in claims if location == first), key=lambda claim: claim.name)
    file = next(file for _, location, file in claims if location == first)
    found = file_sha256(file)
    winner = next((claim.name for claim in here if claim.sha256 == found), None)
    if winner is not None:
        reason = (
            "its bytes are in place"
            if len(here) == len(claims)
            else f"{first} comes first on the search path"
        )
    else:
        reason = f"{file} has the bytes of none of them" if found else f"{file} cannot be read"
    everyone = tuple(sorted((claim for claim, _, _ in claims), key=lambda claim: (claim.name, claim.sha256)))
    return Contested(path, winner, everyone, reason)
