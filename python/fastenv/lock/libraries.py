"""What a node's system must have, since it is what this machine's system gives the environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fastenv.lock.lockfile import LockedLibrary, LockedPackage
from fastenv.nearest import nearest
from fastenv.scan.inventory import Inventory
from fastenv.settings import Rules

__all__ = ["locked_libraries", "unknown_libraries"]


def locked_libraries(
    inventory: Inventory, packages: Sequence[LockedPackage], rules: Rules
) -> Iterator[LockedLibrary]:
    """The libraries that were found here, for the packages that the lock has.

    What is missing here, too, is not asked of a node: the environment runs without. What the rules allow to be missing
    is optional.
    """
    locked = {package.name for package in packages}
    for it in inventory.libraries:
        needing = tuple(name for name in it.packages if name in locked or name.startswith("conda:"))
        if it.path and needing:
            optional = it.name in rules.allow_missing_libs
            yield LockedLibrary(it.name, needing, it.versions, it.folders, optional)


def unknown_libraries(inventory: Inventory, rows: Iterable[LockedLibrary], rules: Rules) -> Iterator[str]:
    """Sentences on names in the rules that nothing of the environment needs."""
    names = [*(it.name for it in inventory.libraries), *(it.name for it in rows)]
    for name in rules.allow_missing_libs:
        if name not in names:
            near = nearest(name, names)
            more = f" (there is {near[0]})" if near else ""
            place = rules.place_of("allow_missing_libs", name)
            yield f"{place} allows {name} to be missing, which nothing here needs of the system{more}"
