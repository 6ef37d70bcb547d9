"""What two environments do not share, each given as itself, as its inventory, as its lock or by its id."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fastenv import _core
from fastenv.composition import Composition, Difference, compare, of_inventory, of_lock
from fastenv.exceptions import FileSystemError, ScanError

if TYPE_CHECKING:
    from typing import TypeAlias

    from fastenv.lock import Lock
    from fastenv.scan import Inventory

    Side: TypeAlias = Inventory | Lock | str | os.PathLike[str]

__all__ = ["Difference", "diff", "read_inventory"]

_ENV_ID = re.compile(r"[0-9a-fA-F]{12,64}")
_HINT = (
    "give an environment's folder, a file of `fastenv scan -o` or `fastenv lock`, or 12 digits of an env id"
)


def diff(a: Side, b: Side, *, root: str | os.PathLike[str] | None = None) -> tuple[Difference, ...]:
    """What the environments ``a`` and ``b`` do not share; empty if they are the same.

    Only what decides the tree of files is compared. Two locks are the same exactly if their env ids are. Between what
    was scanned and a lock, packages are compared by version, build, and as far as both tell of them by their content.

    Args:
        a, b: each an Inventory, a Lock, the folder of an environment, a file that `fastenv scan` or `fastenv lock`
            wrote, or 12 digits or more of the id of an environment that the store has made.
        root: the store's folder, for ids; default: as of ``materialize``.

    Raises:
        ScanError, LockFormatError: one of them can't be read as what it is, or is nothing of the kind.
        FileSystemError: a file can't be read.
    """
    return tuple(compare(_composition(a, root), _composition(b, root)))


def read_inventory(path: Path) -> Inventory:
    """The inventory in a file. Raises FileSystemError where it can't be read, ScanError where it is none."""
    from fastenv.scan import Inventory

    return Inventory.from_json(_text(path, f"the inventory {path}"), path=str(path))


def _composition(side: Side, root: str | os.PathLike[str] | None) -> Composition:
    from fastenv.lock import Lock
    from fastenv.scan import Inventory, scan

    if isinstance(side, Lock):
        return of_lock(side)
    if isinstance(side, Inventory):
        return of_inventory(side)
    path = Path(side)
    if path.is_dir():
        return of_inventory(scan(prefix=path))
    if path.is_file():
        is_inventory = _text(path, str(path)).lstrip().startswith("{")
        return of_inventory(read_inventory(path)) if is_inventory else of_lock(Lock.read(path))
    word = os.fspath(side)
    if _ENV_ID.fullmatch(word):
        return of_lock(
            Lock.parse(_core.kept_lock(word.lower(), root=None if root is None else os.fspath(root)))
        )
    if os.path.lexists(path):
        raise FileSystemError(f"{path} is neither a file nor a folder", path=str(path), hint=_HINT)
    raise ScanError(f"{word} is not there, and is no env id either", path=word, hint=_HINT)


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileSystemError(f"{what} cannot be read: {error.strerror}", path=str(path)) from error
