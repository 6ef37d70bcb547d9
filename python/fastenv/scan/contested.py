"""Install paths that several distributions or conda packages claim, and whose bytes are really there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastenv.scan.duplicates import file_sha256
from fastenv.scan.inventory import Claim, Contested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.installed import Installed

__all__ = ["contested_paths"]


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A claim, the folder of the search path that it belongs to, and the file on this machine.

    ``digests`` are those by which the file there is known as the claimant's; none if it can't be known. Those of a
    link are rattler's or conda's own, so that another one is not told by them.
    """

    claim: Claim
    location: str
    file: str
    digests: frozenset[str]
    is_link: bool = False


_Claims = Mapping[str, "Sequence[_Claimed]"]


def contested_paths(
    winners: Sequence[Installed], order: Sequence[str], conda: CondaPrefix | None = None
) -> tuple[Contested, ...]:
    """The contested paths, sorted. ``order`` are the directories of the search path.

    Scripts that installers generate count as well: their rows of RECORD have hashes too. A path
    that all claim with one content is not contested. What conda installed claims by conda's records alone.
    """
    ranks = {path: rank for rank, path in enumerate(order)}
    others = winners if conda is None else [it for it in winners if it.distribution.origin.kind != "conda"]
    own = {} if conda is None else _claims_of_conda(conda)
    columns = {id(it): _installs(it, conda) for it in others}
    claims = _claims(others, columns, _claimed_twice(columns.values(), own), own)
    return tuple(
        _decide(path, claims[path], ranks)
        for path in sorted(claims)
        if len({claimed.claim.sha256 for claimed in claims[path]}) > 1
    )


def _installs(item: Installed, conda: CondaPrefix | None) -> list[str]:
    if item.record is None:
        return []
    return item.record.installs if conda is None else conda.installs(item.record)


def _claims_of_conda(conda: CondaPrefix) -> dict[str, list[_Claimed]]:
    found: dict[str, list[_Claimed]] = {}
    location = f"{conda.prefix}/{conda.site}".rstrip("/")
    for record in conda.records:
        name = f"conda:{record.package.name}"
        for file in record.files:
            if file.is_bytecode or file.kind == "directory":
                continue
            digests = frozenset(filter(None, (file.installed, file.sha256)))
            claim = Claim(name, file.installed or file.sha256, "env")
            place = f"{conda.prefix}/{file.claimed}"
            path = conda.install_path(file.claimed)
            found.setdefault(path, []).append(_Claimed(claim, location, place, digests, file.kind == "link"))
    return found


def _claimed_twice(installs: Iterable[list[str]], own: Iterable[str]) -> set[str]:
    """Install paths in more than one RECORD, or in one and in a record of conda; nearly all are in one, so they
    are counted first.
    """
    columns = list(installs)
    of_conda = set(own)
    seen: set[str] = set()
    if len(seen.union(of_conda, *columns)) == sum(map(len, columns)) + len(of_conda):
        return set()
    twice: set[str] = set()
    seen = of_conda
    for column in columns:
        paths = set(column)
        twice |= seen & paths
        seen |= paths
    return twice


def _claims(
    winners: Sequence[Installed],
    columns: Mapping[int, list[str]],
    paths: set[str],
    own: Mapping[str, list[_Claimed]],
) -> dict[str, list[_Claimed]]:
    """All claims of contested paths. ``own``, conda's, may contest each other's."""
    found = {path: list(claims) for path, claims in own.items() if len(claims) > 1 or path in paths}
    if not paths:
        return found
    for item in winners:
        record, it, installs = item.record, item.distribution, columns[id(item)]
        if record is None or paths.isdisjoint(installs):
            continue
        for path, plain, install, digest in zip(
            record.paths, record.installs, installs, record.hashes, strict=True
        ):
            # the RECORD itself has no hash, and is nobody else's but conda's
            if install in paths and (digest or install in own):
                claim = Claim(it.name, digest, it.layer)
                digests = frozenset(filter(None, (digest,)))
                claimed = _Claimed(claim, it.location, record.file(path, plain), digests)
                found.setdefault(install, []).append(claimed)
    return found


def _decide(path: str, claims: list[_Claimed], ranks: dict[str, int]) -> Contested:
    """The winner: the file that comes first on the search path, and whose hash it has."""
    first = min(claims, key=lambda claimed: ranks.get(claimed.location, len(ranks))).location
    here = sorted((it for it in claims if it.location == first), key=lambda it: it.claim.name)
    file = here[0].file
    found = _digests(file)
    winner = next((it.claim.name for it in here if it.digests & found), None)
    unknown = [it.claim.name for it in here if not it.digests or (it.is_link and os.path.islink(file))]
    if winner is not None:
        reason = (
            "its bytes are in place"
            if len(here) == len(claims)
            else f"{first} comes first on the search path"
        )
    elif found and len(unknown) == 1:
        winner, reason = unknown[0], "the bytes in place are not the others'"
    else:
        reason = f"{file} has the bytes of none of them" if found else f"{file} cannot be read"
    everyone = tuple(sorted((it.claim for it in claims), key=lambda claim: (claim.name, claim.sha256)))
    return Contested(path, winner, everyone, reason)


def _digests(file: str) -> frozenset[str]:
    """Of what is at a path: of a link also that of its target's name, by which rattler knows it."""
    found = {file_sha256(file)} - {""}
    if os.path.islink(file):
        found.add(hashlib.sha256(os.fsencode(os.readlink(file))).hexdigest())
    return frozenset(found)
