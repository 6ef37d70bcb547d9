"""Which of the wheels on offer is the one that is installed.

It has the tags of the installed one's WHEEL file, and would install the same files: the same files digest. Tags
decide what is looked at; where they agree with no file name, the digest alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from fastenv.lock.artifacts import Known
from fastenv.lock.pins import Candidate
from fastenv.scan.inventory import Distribution

__all__ = ["Choice", "choose", "expanded_tags"]

Look = Callable[[Iterable[Candidate]], Mapping[str, Known]]


@dataclass(frozen=True)
class Choice:
    """The wheel and what is known of it, or why none of those on offer is it."""

    wheel: Candidate | None
    size: int | None = None
    reason: str = ""


def choose(offers: Mapping[str, tuple[Distribution, Sequence[Candidate]]], look: Look) -> dict[str, Choice]:
    """A choice for each name. ``look`` tells facts of wheels, by sha256; it is asked at most twice."""
    likely = {name: _same_tags(it, wheels) for name, (it, wheels) in offers.items()}
    known = look([wheel for wheels in likely.values() for wheel in wheels])
    found = {name: _pick(it, likely[name], known) for name, (it, _) in offers.items()}
    # a wheel may have been renamed after it was built: then its WHEEL file tells other tags than its name
    unclear = {
        name: [wheel for wheel in wheels if wheel not in likely[name]]
        for name, (_, wheels) in offers.items()
        if found[name] is None
    }
    known = {**known, **look([wheel for wheels in unclear.values() for wheel in wheels])}
    return {
        name: found[name]
        or _pick(it, unclear[name], known, sure=True)
        or _none(it, wheels, likely[name], known)
        for name, (it, wheels) in offers.items()
    }


def expanded_tags(tags: Iterable[str]) -> frozenset[Tag]:
    """All tags of a WHEEL file, compressed sets written out (PEP 425)."""
    return frozenset(tag for text in tags for tag in parse_tag(text))


def _same_tags(it: Distribution, wheels: Sequence[Candidate]) -> list[Candidate]:
    wanted = expanded_tags(it.tags)
    same = [wheel for wheel in wheels if _parsed(wheel)[1] == wanted]
    # a build number, where WHEEL tells one, is looked at first
    return sorted(same, key=lambda wheel: (_parsed(wheel)[0] != it.build, wheel.filename))


def _parsed(wheel: Candidate) -> tuple[str, frozenset[Tag]]:
    """Build number as written, and tags, of a wheel's file name."""
    try:
        _, _, build, tags = parse_wheel_filename(wheel.filename)
    except InvalidWheelFilename:
        return "", frozenset()
    return "".join(str(part) for part in build), tags


def _pick(
    it: Distribution, wheels: Sequence[Candidate], known: Mapping[str, Known], *, sure: bool = False
) -> Choice | None:
    """The wheel with the installed files digest; unless ``sure`` is asked for, else a single one of which we
    can't tell it, since the node checks it too.
    """
    unknown = []
    for wheel in wheels:
        facts = known[wheel.sha256]
        if facts.files_digest is not None and facts.files_digest == it.files_digest:
            return Choice(wheel, facts.size)
        if facts.files_digest is None and facts.damage is None:
            unknown.append(wheel)
    if len(unknown) == 1 and not sure:
        return Choice(unknown[0], known[unknown[0].sha256].size)
    return None


def _none(
    it: Distribution,
    wheels: Sequence[Candidate],
    likely: Sequence[Candidate],
    known: Mapping[str, Known],
) -> Choice:
    where = wheels[0].source.shown if wheels[0].source else "the index"
    if not likely:
        tags = ", ".join(it.tags) or "no tags"
        return Choice(None, reason=f"the installed wheel ({tags}) is not among those of {where}")
    damage = known[likely[0].sha256].damage
    if damage:
        return Choice(None, reason=f"{likely[0].filename} of {where} can't be used: {damage}")
    return Choice(None, reason=f"the installed files are not those of {likely[0].filename} of {where}")
