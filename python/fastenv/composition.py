"""What an environment is made of, told from an inventory or from a lock, so that the two can be compared.

Only what decides the tree of files counts: platform, interpreter, packages, and whose file stands where several
claim a path. Where something came from, who asked for it and what is written beside it make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from fastenv.lock.conda_settings import CondaSettings, lockable
from fastenv.scan.installed import same_version

if TYPE_CHECKING:
    from fastenv.lock.lockfile import Lock, LockedInterpreter, LockedPackage
    from fastenv.lock.overlays import LockedOverlay
    from fastenv.scan.inventory import Interpreter, Inventory

__all__ = ["Composition", "Difference", "Kind", "by_version_alone", "compare", "of_inventory", "of_lock"]

Kind = Literal["platform", "interpreter", "wheel", "conda", "overlay", "path", "setting", "variable"]
"""What differs: a fact of platform or interpreter, a wheel, a conda package, loose code, whose file stands at an
install path, how a lock is to be materialized, what conda keeps beside packages, or a variable that activation sets."""

_Key = TypeVar("_Key")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two environments do not share.

    ``what`` is the property that differs ("version", "build", "content"; "presence" if one side has no such thing).
    ``left`` and ``right`` are its values, None where that side has none. ``note`` says more where more is known.
    """

    kind: Kind
    name: str
    what: str
    left: str | None
    right: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A package, by what can be compared of it; ``digests`` are by kind, the one that says most first."""

    kind: Kind
    name: str
    version: str
    build: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Composition:
    """An environment's parts. ``absent`` says of some that it has not why that is so; ``knows_overlays`` whether loose
    code is among them. ``extras`` are wheels for the nodes alone, which no scan can know (``is_scanned``).
    """

    facts: Mapping[tuple[Kind, str], str]
    parts: Mapping[tuple[Kind, str], Part]
    winners: Mapping[str, str]
    absent: Mapping[str, str]
    knows_overlays: bool = True
    extras: frozenset[str] = frozenset()
    is_scanned: bool = False


def of_inventory(inventory: Inventory, overlays: Iterable[LockedOverlay] | None = None) -> Composition:
    """The composition of what was scanned: what a lock of it would have.

    ``overlays`` are what loose code would be now; None if that is not known, and then not compared.
    """
    platform, conda = inventory.platform, inventory.conda
    parts = [
        Part("wheel", it.name, it.version, digests={"files": it.files_digest or ""})
        for it in inventory.distributions
        if it.origin.kind != "conda"
    ]
    parts += [
        Part("conda", it.name, it.version, it.build, {"sha256": it.sha256, "md5": it.md5})
        for it in (conda.packages if conda is not None else ())
        if not it.problems
    ]
    parts += [Part("overlay", it.name, "", it.place, {"sha256": it.sha256}) for it in overlays or ()]
    facts = _facts(platform.os, platform.arch, inventory.interpreter)
    return Composition(
        knows_overlays=overlays is not None,
        is_scanned=True,
        facts={**facts, **_settings(lockable(conda))},
        parts={(it.kind, it.name): it for it in parts},
        winners={row.path: row.winner for row in inventory.contested if row.winner is not None},
        absent={it.name: it.reason for it in inventory.left_out},
    )


def of_lock(lock: Lock) -> Composition:
    """The composition of what a lock describes."""
    parts = [Part("wheel", it.name, it.version, digests=_digests(it)) for it in lock.packages]
    parts += [
        Part("conda", it.name, it.version, it.build, {"sha256": it.sha256, "md5": it.md5 or ""})
        for it in lock.conda
    ]
    parts += [Part("overlay", it.name, "", it.place, {"sha256": it.sha256}) for it in lock.overlays]
    facts = _facts(lock.platform.os, lock.platform.arch, lock.interpreter)
    facts |= _settings(lock.settings)
    if lock.link_scripts:
        facts["setting", "link-scripts"] = "run"
    return Composition(
        facts=facts,
        parts={(it.kind, it.name): it for it in parts},
        winners={row.path: row.winner for row in lock.contested},
        absent={it.name: it.reason for it in lock.ignored},
        extras=frozenset(it.name for it in lock.packages if it.extra),
    )


def compare(left: Composition, right: Composition) -> Iterator[Difference]:
    """What the two do not share: facts first, then packages by name, then paths. Nothing if they are the same."""
    for kind, name in _both(left.facts, right.facts):
        values = left.facts.get((kind, name)), right.facts.get((kind, name))
        if values[0] != values[1]:
            yield Difference(kind, name, "value", *values)
    known = left.knows_overlays and right.knows_overlays
    for key in sorted(_both(left.parts, right.parts), key=lambda key: (key[1], key[0])):
        extra = (right.is_scanned and key[1] in left.extras) or (left.is_scanned and key[1] in right.extras)
        if (key[0] != "overlay" or known) and not (key[0] == "wheel" and extra):
            yield from _part(key, left, right)
    orders = [[name for kind, name in side.parts if kind == "overlay"] for side in (left, right)]
    if known and orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]):
        yield Difference("overlay", "overlays", "order", " ".join(orders[0]), " ".join(orders[1]))
    for path in _both(left.winners, right.winners):
        owners = left.winners.get(path), right.winners.get(path)
        if owners[0] != owners[1]:
            yield Difference("path", path, "winner", *owners)


def by_version_alone(left: Composition, right: Composition) -> list[str]:
    """Names of wheels that are the same by their version, and of whose content one side tells nothing."""
    both = [name for kind, name in _both(left.parts, right.parts) if kind == "wheel"]
    pairs = [(left.parts.get(("wheel", name)), right.parts.get(("wheel", name))) for name in both]
    return sorted(
        one.name
        for one, other in pairs
        if one is not None and other is not None and not _shared(one, other)
        if same_version(one.version, other.version)
    )


def _shared(one: Part, other: Part) -> list[str]:
    """Kinds of digests that both have."""
    return [kind for kind, digest in one.digests.items() if digest and other.digests.get(kind)]


def _part(key: tuple[Kind, str], left: Composition, right: Composition) -> Iterator[Difference]:
    one, other = left.parts.get(key), right.parts.get(key)
    if one is None or other is None:
        name = f"conda:{key[1]}" if key[0] == "conda" else key[1]
        why = (left if one is None else right).absent.get(name, "")
        yield Difference(*key, "presence", _version(one), _version(other), why)
    elif not same_version(one.version, other.version):
        yield Difference(*key, "version", one.version, other.version)
    elif one.build != other.build:
        yield Difference(*key, "place" if key[0] == "overlay" else "build", one.build, other.build)
    else:
        # sha256 stands first, and where both sides have it, it alone decides
        kind = next(iter(sorted(_shared(one, other), key=lambda kind: kind != "sha256")), None)
        if kind is not None and one.digests[kind] != other.digests[kind]:
            yield Difference(*key, "content", _short(kind, one), _short(kind, other), note=one.version)


def _version(part: Part | None) -> str | None:
    return None if part is None else f"{part.version} {part.build}".rstrip()


def _short(kind: str, part: Part) -> str:
    return f"{kind} {part.digests[kind][:_DIGITS]}"


def _digests(it: LockedPackage) -> dict[str, str]:
    files = {"files": it.files_digest} if it.files_digest and not it.is_made_here else {}
    return {"sha256": it.sha256, **files}


def _facts(
    os_name: str, arch: str, interpreter: Interpreter | LockedInterpreter | None
) -> dict[tuple[Kind, str], str]:
    facts: dict[tuple[Kind, str], str] = {("platform", "os"): os_name, ("platform", "arch"): arch}
    if interpreter is not None:
        facts |= {
            ("interpreter", "implementation"): interpreter.implementation,
            ("interpreter", "version"): interpreter.version,
            ("interpreter", "soabi"): interpreter.soabi,
            ("interpreter", "build"): interpreter.build,
        }
    return facts


def _settings(settings: CondaSettings) -> dict[tuple[Kind, str], str]:
    facts: dict[tuple[Kind, str], str] = {("variable", name): value for name, value in settings.variables}
    if settings.pinned:
        facts["setting", "pinned"] = "; ".join(settings.pinned)
    if settings.frozen is not None:
        facts["setting", "frozen"] = settings.frozen or "(empty)"
    return facts


def _both(left: Mapping[_Key, object], right: Mapping[_Key, object]) -> list[_Key]:
    """The keys of either, those of ``left`` first where the order tells something."""
    return list(dict.fromkeys([*left, *right]))
