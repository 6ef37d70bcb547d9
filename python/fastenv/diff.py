"""What two environments do not share, each given as itself, as its inventory, as its lock or by its id."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastenv import _core
from fastenv.composition import (
    Composition,
    Difference,
    by_version_alone,
    compare,
    of_inventory,
    of_lock,
)
from fastenv.event import Event
from fastenv.exceptions import FileSystemError, ScanError

if TYPE_CHECKING:
    from typing import TypeAlias

    from fastenv.event import OnEvent
    from fastenv.lock import Lock
    from fastenv.scan import Inventory

    Side: TypeAlias = Inventory | Lock | str | os.PathLike[str]

__all__ = ["Difference", "diff", "read_inventory"]

_ENV_ID = re.compile(r"[0-9a-fA-F]{12,64}")
_HINT = (
    "give an environment's folder, a file of `fastenv scan -o` or `fastenv lock`, or 12 digits of an env id"
)


def diff(
    a: Side, b: Side, *, root: str | os.PathLike[str] | None = None, on_event: OnEvent | None = None
) -> tuple[Difference, ...]:
    """What the environments ``a`` and ``b`` do not share; empty if they are the same.

    Only what decides the tree of files is compared. Two locks are the same exactly if their env ids are. Between what
    was scanned and a lock, packages are compared by version, build, and as far as both tell of them by their content.
    Where a folder is compared with a lock or another folder, its files are read: edits count, those of editable
    projects too.

    Args:
        a, b: each an Inventory, a Lock, the folder of an environment, a file that `fastenv scan` or `fastenv lock`
            wrote, or 12 digits or more of the id of an environment that the store has made.
        root: the store's folder, for ids; default: as of ``materialize``.
        on_event: called with an Event of kind "warning" where packages could be compared by nothing but their version.

    Raises:
        ScanError, LockFormatError: one of them can't be read as what it is, or is nothing of the kind.
        FileSystemError: a file can't be read.
    """
    left, right = _read(a, root), _read(b, root)
    one, other = _composition(left), _composition(right)
    found = list(compare(one, other))
    told = {(it.kind, it.name) for it in found}
    found += (it for it in _edits(left, right, a, b) if (it.kind, it.name) not in told)
    are_known = _is_known(a, left) and _is_known(b, right)
    unknown = [] if are_known else by_version_alone(one, other)
    if unknown and on_event is not None:
        message = (
            f"compared by version alone, since an inventory does not tell the code: {', '.join(unknown)}"
        )
        on_event(Event("warning", message=message))
    return tuple(found)


def read_inventory(path: Path) -> Inventory:
    """The inventory in a file. Raises FileSystemError where it can't be read, ScanError where it is none."""
    from fastenv.scan import Inventory

    return Inventory.from_json(_text(path, f"the inventory {path}"), path=str(path))


def _read(side: Side, root: str | os.PathLike[str] | None) -> Inventory | Lock:
    """What a side stands for."""
    from fastenv.lock import Lock
    from fastenv.scan import Inventory, scan

    if isinstance(side, (Lock, Inventory)):
        return side
    path = Path(side)
    if path.is_dir():
        return scan(prefix=path)
    if path.is_file():
        is_inventory = _text(path, str(path)).lstrip().startswith("{")
        return read_inventory(path) if is_inventory else Lock.read(path)
    word = os.fspath(side)
    if _ENV_ID.fullmatch(word):
        return Lock.parse(_core.kept_lock(word.lower(), root=None if root is None else os.fspath(root)))
    if os.path.lexists(path):
        raise FileSystemError(f"{path} is neither a file nor a folder", path=str(path), hint=_HINT)
    raise ScanError(f"{word} is not there, and is no env id either", path=word, hint=_HINT)


def _composition(side: Inventory | Lock) -> Composition:
    from fastenv.lock import Lock

    return of_lock(side) if isinstance(side, Lock) else of_inventory(side)


def _is_folder(side: Side) -> bool:
    """Whether its files are here to be read, as they are now."""
    return isinstance(side, (str, os.PathLike)) and Path(side).is_dir()


def _is_known(given: Side, side: Inventory | Lock) -> bool:
    """Whether it tells the code of each package: a lock by digests, a folder by its files."""
    from fastenv.lock import Lock

    return isinstance(side, Lock) or _is_folder(given)


def _edits(left: Inventory | Lock, right: Inventory | Lock, a: Side, b: Side) -> Iterator[Difference]:
    """What only the files tell."""
    from fastenv.lock import Lock
    from fastenv.lock.file_differences import edited, edited_apart

    if isinstance(left, Lock):
        if _is_folder(b) and not isinstance(right, Lock):
            yield from edited(left, right)
    elif isinstance(right, Lock):
        if _is_folder(a):
            yield from (replace(it, left=it.right, right=it.left) for it in edited(right, left))
    elif _is_folder(a) and _is_folder(b):
        yield from edited_apart(left, right)


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileSystemError(f"{what} cannot be read: {error.strerror}", path=str(path)) from error
