"""Rules applied to an inventory: what they leave out is gone from it, and named with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastenv.exceptions import LockError
from fastenv.loose.unowned import in_site, module_name
from fastenv.nearest import nearest
from fastenv.scan.installed import canonical
from fastenv.scan.inventory import LeftOut
from fastenv.scan.wants import wants

if TYPE_CHECKING:
    from fastenv.scan.inventory import CondaPackage, Contested, Inventory, Stray
    from fastenv.settings import Rules

__all__ = ["Ruled", "apply_rules"]

_CONDA = "conda:"


@dataclass(frozen=True, slots=True)
class Ruled:
    """An inventory without what the rules leave out, and sentences on what the user should know of that."""

    inventory: Inventory
    warnings: tuple[str, ...] = ()


def apply_rules(rules: Rules, inventory: Inventory) -> Ruled:
    """Leave out what the rules ignore, or what they do not name as all that there is to be.

    Exactly what is ignored goes; what depends on it stays, and is named. Of ``only``, what those require stays too.
    Modules in site-packages that no package owns are called by the names by which they are imported.

    Raises LockError for a name in ``only`` that is not there, and if python itself would go.
    """
    if not rules.ignore and not rules.only:
        return Ruled(inventory)
    parts, modules = _Parts(inventory), _modules(inventory)
    reasons: dict[str, str] = {}
    gone: dict[str, str] = {}
    warnings = []
    if rules.only:
        kept = parts.closure(
            _named([it for it in rules.only if parts.of(it) or it not in modules], parts, rules)
        )
        place = rules.place_of("only", rules.only[0])
        others = f"it is neither named by only in {place} nor required by what is"
        reasons |= dict.fromkeys(sorted(parts.all - kept), others)
        gone |= dict.fromkeys([it for it in modules if it not in rules.only], others)
    for name in rules.ignore:
        found, place = parts.of(name), rules.place_of("ignore", name)
        if not found and name not in modules:
            near = _near(name, parts.all | modules.keys())
            warnings.append(f"{place} ignores {name}, which is not there{near}")
        if f"{_CONDA}python" in found:
            raise LockError(f"{place} leaves out python, which is the environment's interpreter")
        reasons |= dict.fromkeys(found, f"ignored by {place}")
        gone |= {name: f"ignored by {place}"} if name in modules else {}
    for name in [name for name in reasons if reasons[name].startswith("ignored")]:
        wanting = sorted(by for by in parts.wanted_by(name) if by not in reasons)
        if wanting:
            reasons[name] += f", though {_listed(wanting)} {'needs' if len(wanting) == 1 else 'need'} it"
            warnings.append(f"{name} is left out: {reasons[name]}")
    loose = {stray.path: reason for name, reason in gone.items() for stray in modules[name]}
    return Ruled(_without_modules(_without(inventory, reasons, parts), loose), tuple(warnings))


def _modules(inventory: Inventory) -> dict[str, list[Stray]]:
    """What no package owns at the top of site-packages, by names that are normalized as those of packages are."""
    found: dict[str, list[Stray]] = {}
    for stray in inventory.strays:
        name = in_site(stray.path, inventory)
        if stray.kind in ("module", "file") and name and "/" not in name and not name.endswith(".pth"):
            found.setdefault(canonical(module_name(name)), []).append(stray)
    return found


def _without_modules(inventory: Inventory, gone: Mapping[str, str]) -> Inventory:
    absent = [
        LeftOut(module_name(os.path.basename(it.path)), "", it.layer, gone[it.path])
        for it in inventory.strays
        if it.path in gone
    ]
    return replace(
        inventory,
        strays=tuple(it for it in inventory.strays if it.path not in gone),
        left_out=(*inventory.left_out, *absent),
    )


class _Parts:
    """All that can be left out, by name: wheels by their own, conda packages as ``conda:NAME``."""

    def __init__(self, inventory: Inventory) -> None:
        self._wants = wants(inventory)
        self._by: dict[str, set[str]] = {}
        for name, whom in self._wants.items():
            for it in whom:
                self._by.setdefault(it, set()).add(name)
        conda: Iterable[CondaPackage] = () if inventory.conda is None else inventory.conda.packages
        full = {f"{it.name}-{it.version}-{it.build}": f"{_CONDA}{it.name}" for it in conda}
        self.brought: dict[str, str] = {
            it.name: full[it.origin.package]
            for it in inventory.distributions
            if it.origin.kind == "conda" and it.origin.package in full
        }
        wheels = {it.name for it in inventory.distributions if it.origin.kind != "conda"}
        broken = {it.name for it in inventory.broken if it.name}
        self.all = wheels | set(full.values()) | broken
        self.python = {f"{_CONDA}python"} & self.all

    def of(self, name: str) -> set[str]:
        """What a rule means by a name: the wheel, or the conda package that brings it or is called so."""
        if name in self.all:
            return {name}
        brought = self.brought.get(name, f"{_CONDA}{name}")
        return {brought} & self.all

    def closure(self, names: Iterable[str]) -> set[str]:
        """These, all that they require, and the interpreter."""
        reached: set[str] = set()
        waiting = [*names, *self.python]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                inner = [name, *(it for it, package in self.brought.items() if package == name)]
                waiting += [it for one in inner for want in self._wants.get(one, ()) for it in self.of(want)]
        return reached

    def wanted_by(self, name: str) -> set[str]:
        """Who requires it, by the names of ``all``."""
        names = [name, *(it for it, package in self.brought.items() if package == name)]
        return {it for one in names for by in self._by.get(one, ()) for it in self.of(by)} - {name}


def _named(names: Iterable[str], parts: _Parts, rules: Rules) -> Iterator[str]:
    for name in names:
        found = parts.of(name)
        if not found:
            place = rules.place_of("only", name)
            raise LockError(f"{place} names {name} in only, which is not there{_near(name, parts.all)}")
        yield from found


def _near(name: str, names: Iterable[str]) -> str:
    near = nearest(name, names)
    return f" (there is {near[0]})" if near else ""


def _listed(names: list[str], shown: int = 3) -> str:
    more = [f"{len(names) - shown} more"] if len(names) > shown else []
    words = [*names[:shown], *more]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _without(inventory: Inventory, reasons: Mapping[str, str], parts: _Parts) -> Inventory:
    gone = set(reasons)
    lost = {name for name, package in parts.brought.items() if package in gone}
    wheels = [it for it in inventory.distributions if it.origin.kind != "conda" and it.name in gone]
    packages = () if inventory.conda is None else inventory.conda.packages
    absent = [LeftOut(it.name, it.version, it.layer, reasons[it.name]) for it in wheels]
    absent += [
        LeftOut(f"{_CONDA}{it.name}", it.version, "env", reasons[f"{_CONDA}{it.name}"])
        for it in packages
        if f"{_CONDA}{it.name}" in gone
    ]
    conda = inventory.conda
    if conda is not None:
        conda = replace(conda, packages=tuple(it for it in packages if f"{_CONDA}{it.name}" not in gone))
    names = {it.name for it in wheels} | lost
    told = {row.name for row in absent}
    return replace(
        inventory,
        distributions=tuple(it for it in inventory.distributions if it.name not in names),
        conda=conda,
        broken=tuple(it for it in inventory.broken if it.name not in gone),
        contested=tuple(_contested(inventory.contested, gone)),
        left_out=(*(row for row in inventory.left_out if row.name not in told), *absent),
    )


def _contested(rows: Iterable[Contested], gone: set[str]) -> Iterator[Contested]:
    """Rows that are still contested: whoever is left alone has the path, with its own file."""
    for row in rows:
        claims = tuple(it for it in row.claims if it.name not in gone)
        if len({it.sha256 for it in claims}) < 2 and len(claims) < len(row.claims):  # a contest needs two
            continue
        if row.winner is not None and row.winner in gone:
            reason = f"{row.winner}, whose file is there, is left out, and the others differ"
            yield replace(row, claims=claims, winner=None, reason=reason)
        else:
            yield replace(row, claims=claims)
