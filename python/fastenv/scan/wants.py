"""Who requires whom in an environment, by what metadata and conda's records say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from fastenv.scan.installed import canonical
from fastenv.scan.left_out import marker_values_of

if TYPE_CHECKING:
    from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["Want", "each_want", "wants"]

_CONDA = "conda:"


@dataclass(frozen=True, slots=True)
class Want:
    """``by`` requires ``name``, in the words ``requirement``; conda packages are called ``conda:NAME``."""

    by: str
    name: str
    requirement: str


def each_want(inventory: Inventory) -> Iterator[Want]:
    """Every requirement that holds on the scanned machine, that of any extra included."""
    facts = inventory.interpreter
    values = {} if facts is None else marker_values_of(facts, inventory.platform)
    for it in inventory.distributions:
        for text in it.requires:
            name = _required(text, it, values)
            if name is not None and name != it.name:
                yield Want(it.name, name, text)
    for package in () if inventory.conda is None else inventory.conda.packages:
        for spec in package.depends:
            words = spec.split()
            if words:
                yield Want(f"{_CONDA}{package.name}", f"{_CONDA}{words[0]}", spec)


def wants(inventory: Inventory) -> dict[str, list[str]]:
    """Names that each requires."""
    found: dict[str, list[str]] = {}
    for want in each_want(inventory):
        found.setdefault(want.by, []).append(want.name)
    return found


def _required(text: str, it: Distribution, values: Mapping[str, str]) -> str | None:
    """Who is required by the words of a distribution; None if that holds on other machines only."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    marker = requirement.marker
    extras = ("", *it.extras)
    if marker is not None and not any(marker.evaluate({**values, "extra": extra}) for extra in extras):
        return None
    return canonical(requirement.name)
