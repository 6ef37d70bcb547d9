"""Whether a lock still fits the environment that it was made of. Reads files only; the lock stays as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from fastenv.composition import Difference, compare, of_inventory, of_lock
from fastenv.event import Event
from fastenv.local_requirement import local_requirement
from fastenv.lock.extras import index_requirements
from fastenv.lock.file_differences import edited
from fastenv.lock.overlays import LARGEST, find_overlays, locked_now
from fastenv.lock.rules import apply_rules
from fastenv.scan.installed import canonical
from fastenv.scan.notes import unasked_notes
from fastenv.settings import Rules, read_rules

if TYPE_CHECKING:
    from fastenv.event import OnEvent
    from fastenv.lock.lockfile import Lock
    from fastenv.scan.inventory import Inventory

__all__ = ["check_lock"]


def check_lock(
    lock: Lock | str | os.PathLike[str] = "pylock.fastenv.toml",
    inventory: Inventory | None = None,
    *,
    python: str | os.PathLike[str] | None = None,
    prefix: str | os.PathLike[str] | None = None,
    include_self: bool = False,
    rules: Rules | None = None,
    max_loose_size: int = LARGEST,
    on_event: OnEvent | None = None,
) -> tuple[Difference, ...]:
    """What a lock (left) and the environment (right) do not share; empty if the lock still fits.

    Installed files that were edited since count, as they do for ``lock``. No index is asked, and nothing is written but
    the hashes of files, into the user's cache folder.

    Args:
        lock: a Lock, or the path of a lock file.
        inventory: what was scanned; default: scan ``python`` or ``prefix`` (or this interpreter) now.
        python, prefix, include_self: as of ``scan``.
        rules, max_loose_size: as of ``lock``.
        on_event: called with an Event of kind "compared", whose message is the folder of the environment, and with a
            warning if another environment is active.

    Raises ScanError, LockFormatError, FileSystemError.
    """
    from fastenv.lock.lockfile import Lock as LockFile

    held = lock if isinstance(lock, LockFile) else LockFile.read(lock)
    rules = read_rules() if rules is None else rules
    own = None if inventory or python or prefix else sys.path
    if inventory is None:
        from fastenv.scan import scan

        inventory = scan(python=python, prefix=prefix, include_self=include_self)
        for note in unasked_notes(inventory, python, prefix, did="was compared", does="compares"):
            _tell(on_event, Event("warning", message=note))
    _tell(on_event, Event("compared", message=inventory.prefix))
    inventory = apply_rules(rules, inventory).inventory
    loose = find_overlays(inventory, rules, search_path=own, largest=max_loose_size)
    compared = compare(of_lock(held), of_inventory(inventory, locked_now(loose)))
    # whether a copy runs them is the lock's to say: an environment does not tell
    found = [it for it in compared if (it.kind, it.name) != ("setting", "link-scripts")]
    found += _extras(rules, held, inventory)
    found += _libraries(rules, held)
    told = {(it.kind, it.name) for it in found}
    found += (it for it in edited(held, inventory) if (it.kind, it.name) not in told)
    return tuple(found)


def _tell(on_event: OnEvent | None, event: Event) -> None:
    if on_event is not None:
        on_event(event)


def _extras(rules: Rules, lock: Lock, inventory: Inventory) -> Iterator[Difference]:
    """What the rules want for the nodes alone, and the lock has otherwise."""
    pinned = {it.name: it.version for it in lock.packages if it.extra}
    local = [it for it in map(local_requirement, rules.extra) if it is not None]
    wanted = [*index_requirements(rules, inventory), *(Requirement(it.name) for it in local if it.name)]
    for it in sorted(wanted, key=str):
        name = canonical(it.name)
        version = pinned.get(name)
        if version is None or not it.specifier.contains(version, prereleases=True):
            yield Difference("wheel", name, "extra", version, str(it), note="extra of the rules")
    # of what has no name until it is built nothing can be told
    own = ("built", "local") if any(not it.name for it in local) else ()
    asked = {it.name for it in lock.packages if it.extra and it.requested and it.origin not in own}
    for name in sorted(asked - {canonical(it.name) for it in wanted}):
        yield Difference("wheel", name, "extra", pinned[name], None, note="no rule asks for it")


def _libraries(rules: Rules, lock: Lock) -> Iterator[Difference]:
    """Libraries that the lock asks of a node and the rules do not, or the other way round."""
    words = {True: "may be missing", False: "must be there"}
    for it in lock.libraries:
        allowed = it.name in rules.allow_missing_libs
        if allowed != it.optional:
            yield Difference("setting", it.name, "library", words[it.optional], words[allowed])
