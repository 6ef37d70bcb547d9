"""What a node's system must have, since it is what this machine's system gives the environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastenv.lock.lockfile import LockedLibrary, LockedPackage
from fastenv.scan.inventory import Inventory

__all__ = ["locked_libraries"]


def locked_libraries(inventory: Inventory, packages: Sequence[LockedPackage]) -> Iterator[LockedLibrary]:
    """The libraries that were found here, for the packages that the lock has.

    What is missing here, too, is not asked of a node: the environment runs without.
    """
    locked = {package.name for package in packages}
    for it in inventory.libraries:
        needing = tuple(name for name in it.packages if name in locked or name.startswith("conda:"))
        if it.path and needing:
            yield LockedLibrary(it.name, needing, it.versions, it.folders)
