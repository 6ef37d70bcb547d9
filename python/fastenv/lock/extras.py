"""Packages for the nodes alone: resolved beside what is installed, which stays as it is, and pinned in the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from fastenv.exceptions import LockError
from fastenv.local_requirement import local_requirement
from fastenv.lock.artifacts import Artifacts
from fastenv.lock.local_extras import LocalExtras, MadeExtra
from fastenv.lock.lockfile import LockedPackage
from fastenv.lock.pins import Candidate, Pin, Resolver
from fastenv.lock.place import Place
from fastenv.lock.sources import Source
from fastenv.scan.installed import canonical
from fastenv.scan.inventory import Inventory
from fastenv.scan.left_out import marker_values_of
from fastenv.settings import Rules

__all__ = ["Extras", "index_requirements"]

_OLDEST_GLIBC = 5
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def index_requirements(rules: Rules, inventory: Inventory) -> list[Requirement]:
    """The requirements in ``extra`` that an index may have, and that hold for the scanned interpreter."""
    facts = inventory.interpreter
    values = {} if facts is None else marker_values_of(facts, inventory.platform)
    found = [Requirement(text) for text in rules.extra if local_requirement(text) is None]
    return [it for it in found if it.marker is None or it.marker.evaluate({**values, "extra": ""})]


class Extras:
    """The wheels that ``extra`` of the rules asks for, and what those require and the environment lacks."""

    def __init__(self) -> None:
        self.wheels: dict[Pin, Candidate] = {}
        self._sizes: dict[str, int | None] = {}
        self._digests: dict[str, str | None] = {}
        self._asked: frozenset[str] = frozenset()
        self._made: dict[str, MadeExtra] = {}

    def find(
        self,
        rules: Rules,
        inventory: Inventory,
        resolver: Callable[[], Resolver],
        sources: Sequence[Source],
        artifacts: Artifacts,
        *,
        local: LocalExtras,
    ) -> None:
        """Resolve them, by a resolver that is made if there are any: an environment without python can have none.
        ``local`` makes those that no index has.

        Raises LockError, with uv's words, if they don't go with what is installed.
        """
        if not rules.extra:
            return
        wanted = [it for it in map(local_requirement, rules.extra) if it is not None]
        made = local.make(wanted, rules.folder)
        self._made = {it.pin.name: it for it in made}
        plain = index_requirements(rules, inventory)
        self._asked = frozenset(canonical(it.name) for it in plain) | self._made.keys()
        held = {it.name: Pin(it.name, it.version) for it in inventory.distributions}
        both = sorted(self._asked & held.keys())
        if both:
            raise LockError(f"extra names {both[0]}, which the environment has itself", package=both[0])
        texts = [*map(str, plain), *(it.text for it in made)]
        wheels = {it.pin.name: it.wheel for it in made}
        found = resolver().extend(texts, list(held.values()), sources, wheels)
        order = {tag: at for at, tag in enumerate(_tags(inventory))}
        for pin, offered in found.wheels.items():
            if pin.name not in held:
                self.wheels[pin] = _best(pin, offered, order)
        for sha256, facts in artifacts.look(self.wheels.values()).items():
            self._sizes[sha256], self._digests[sha256] = facts.size, facts.files_digest

    def rows(
        self, place_of: Callable[[Candidate], Place]
    ) -> Iterator[tuple[LockedPackage, Candidate | None]]:
        """The rows of the lock, each with its wheel if that must travel."""
        for pin, wheel in self.wheels.items():
            place = place_of(wheel)
            made = self._made.get(pin.name)
            yield (
                LockedPackage(
                    name=pin.name,
                    version=pin.version,
                    filename=wheel.filename,
                    sha256=wheel.sha256,
                    url=place.url,
                    path=place.path,
                    size=self._sizes.get(wheel.sha256) or wheel.size,
                    index=place.index,
                    origin=place.origin if made is None else made.origin,
                    index_name=place.index_name,
                    index_path=place.index_path,
                    reason=None if made is None else made.reason,
                    commit=None if made is None else made.commit,
                    requested=pin.name in self._asked,
                    files_digest=self._digests.get(wheel.sha256),
                    extra=True,
                ),
                wheel if place.travels else None,
            )


def _best(pin: Pin, wheels: Iterable[Candidate], order: Mapping[Tag, int]) -> Candidate:
    """The wheel whose tags an installer would prefer (PEP 425)."""
    ranked = [(rank, wheel.filename, wheel) for wheel in wheels if (rank := _rank(wheel, order)) is not None]
    if not ranked:
        raise LockError(f"extra: {pin} has no wheel for the environment's interpreter", package=pin.name)
    return min(ranked, key=lambda it: it[:2])[2]


def _rank(wheel: Candidate, order: Mapping[Tag, int]) -> int | None:
    try:
        tags = parse_wheel_filename(wheel.filename)[3]
    except InvalidWheelFilename:
        return None
    return min((order[tag] for tag in tags if tag in order), default=None)


def _tags(inventory: Inventory) -> Iterator[Tag]:
    """What the scanned interpreter takes, the best first."""
    facts, platform = inventory.interpreter, inventory.platform
    if facts is None or facts.implementation != "cpython":
        raise LockError("extra packages can be found for CPython only")
    version = tuple(int(part) for part in facts.series.split("."))
    abi = "cp" + facts.soabi.split("-")[1] if facts.soabi.count("-") else ""
    glibc = int([*platform.libc_version.split("."), "17"][1] or 17)
    platforms: list[str] = []
    for minor in range(glibc, _OLDEST_GLIBC - 1, -1):
        platforms.append(f"manylinux_2_{minor}_{platform.arch}")
        platforms += [f"{_LEGACY[minor]}_{platform.arch}"] if minor in _LEGACY else []
    platforms.append(f"linux_{platform.arch}")
    yield from cpython_tags(version, [abi] if abi else None, platforms)
    yield from compatible_tags(version, f"cp{version[0]}{version[1]}", platforms)
