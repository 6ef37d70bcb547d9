"""Why something is in an environment: where it came from, who wants it, and what a lock does with it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from fastenv.exceptions import ScanError
from fastenv.lock.overlays import holds, is_there
from fastenv.loose.unowned import may_travel
from fastenv.nearest import nearest
from fastenv.scan.installed import canonical
from fastenv.scan.wants import each_want

if TYPE_CHECKING:
    from fastenv.lock.locked_conda import LockedConda
    from fastenv.lock.lockfile import Lock, LockedPackage
    from fastenv.scan.inventory import CondaPackage, Distribution, Inventory, Stray

__all__ = ["Wanted", "Why", "why"]

_CONDA = "conda:"
_Word = Literal["fetched", "carried", "left out", "missing"]


class _Fate(NamedTuple):
    """What the lock does with it, and why."""

    lock: _Word | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody who wants a package: its name (``conda:NAME`` for a conda package), and its words."""

    name: str
    requirement: str


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of one thing of an environment.

    ``kind`` is "wheel", "conda", "module" (loose code or another file that no package owns) or "left-out".
    ``place`` is where it lies, ``layer`` as in the inventory, ``origin`` where it came from. ``requested``: somebody
    asked for it by name. ``wanted_by`` are those that require it, ``chain`` the shortest way to it from something that
    was asked for, or that nobody requires: both ends included.

    ``lock`` is what the lock does with it: "fetched" by each node, "carried" beside the lock, "left out", "missing"
    from it; None without a lock. ``reason`` says why, or from where. ``notes`` are what else deserves a look.
    """

    name: str
    version: str
    kind: Literal["wheel", "conda", "module", "left-out"]
    place: str
    layer: str
    origin: str
    requested: bool
    wanted_by: tuple[Wanted, ...]
    chain: tuple[str, ...]
    lock: _Word | None
    reason: str
    notes: tuple[str, ...]


def why(
    name: str,
    inventory: Inventory | None = None,
    *,
    python: str | os.PathLike[str] | None = None,
    prefix: str | os.PathLike[str] | None = None,
    lock: Lock | str | os.PathLike[str] | None = None,
) -> tuple[Why, ...]:
    """Where ``name`` came from, who wants it, and what a lock does with it.

    Args:
        name: of a distribution in any spelling, of a conda package (``conda:NAME`` for that alone), or of a module
            or file that no package owns.
        inventory: what was scanned; default: scan ``python`` or ``prefix`` (or this interpreter) now.
        lock: a Lock, or the path of a lock file.

    Returns:
        One value for each thing of that name: often one, two where pip and conda both have it.

    Raises:
        ScanError: there is nothing of that name.
        LockFormatError, FileSystemError: the lock can't be read.
    """
    from fastenv.lock.lockfile import Lock as LockFile

    if inventory is None:
        from fastenv.scan import scan

        inventory = scan(python=python, prefix=prefix)
    held = lock if lock is None or isinstance(lock, LockFile) else LockFile.read(lock)
    found = tuple(_Search(inventory, held).find(name))
    if not found:
        names = {it.name for it in inventory.distributions} | {it.name for it in _conda(inventory)}
        near = nearest(name, names, 3)
        hint = f"there is {' and '.join(near)}" if near else "`fastenv scan` lists what is there"
        raise ScanError(f"there is no {name} in {inventory.prefix}", hint=hint)
    return found


class _Search:
    """One question about one inventory, and its lock if there is one."""

    def __init__(self, inventory: Inventory, lock: Lock | None) -> None:
        self._inventory = inventory
        self._lock = lock
        self._wanted = _wanted(inventory)

    def find(self, name: str) -> Iterator[Why]:
        bare = name.removeprefix(_CONDA)
        for it in self._inventory.distributions if bare == name else ():
            if it.name == canonical(name):
                yield self._distribution(it)
        named = {it.origin.package for it in self._inventory.distributions if it.name == canonical(name)}
        for package in _conda(self._inventory):
            if package.name == bare.lower() and (bare != name or _full_name(package) not in named):
                yield self._conda_package(package)
        yield from self._others(name)

    def _distribution(self, it: Distribution) -> Why:
        package = next((p for p in _conda(self._inventory) if _full_name(p) == it.origin.package), None)
        names = (it.name,) if package is None else (it.name, f"{_CONDA}{package.name}")
        requested = it.requested or (package is not None and bool(package.requested))
        fate = self._conda_fate(package) if package is not None else self._wheel_fate(it.name)
        shadowed = [s for s in self._inventory.shadowed if s.name in (it.name, f"{_CONDA}{it.name}")]
        notes = [*it.problems, *(f"{s.name} {s.version} does not count: {s.reason}" for s in shadowed)]
        return Why(
            name=it.name,
            version=it.version,
            kind="wheel" if package is None else "conda",
            place=it.metadata_path,
            layer=it.layer,
            origin=_origin(it),
            requested=requested,
            wanted_by=self._by(names),
            chain=self._chain(names, self._roots()),
            **fate._asdict(),
            notes=tuple(notes),
        )

    def _conda_package(self, package: CondaPackage) -> Why:
        names = (f"{_CONDA}{package.name}",)
        chain = self._chain(names, self._roots())
        return Why(
            name=package.name,
            version=f"{package.version} {package.build}",
            kind="conda",
            place=package.record,
            layer="env",
            origin=f"conda channel {package.channel}" if package.channel else "conda",
            requested=bool(package.requested),
            wanted_by=self._by(names),
            chain=chain,
            **self._conda_fate(package)._asdict(),
            notes=package.problems,
        )

    def _others(self, name: str) -> Iterator[Why]:
        """What is there and no part of the copy, or owned by nobody."""
        for left in self._inventory.left_out:
            if left.name in (canonical(name), name):
                fate: _Word | None = "left out" if self._lock is not None else None
                yield Why(
                    left.name,
                    left.version,
                    "left-out",
                    "",
                    left.layer,
                    "",
                    False,
                    (),
                    (),
                    fate,
                    left.reason,
                    (),
                )
        for stray in self._inventory.strays:
            last = stray.path.rstrip("/").rpartition("/")[2]
            if name in (last, last.partition(".")[0]):
                word, reason = self._loose_fate(stray)
                yield Why(last, "", "module", stray.path, stray.layer, "", False, (), (), word, reason, ())

    def _loose_fate(self, stray: Stray) -> _Fate:
        """Of loose code: a lock says what it left out, and its archives what they hold."""
        if self._lock is None:
            packs = "; fastenv lock packs it up" if may_travel(stray, self._inventory) else ""
            return _Fate(None, f"{stray.reason}{packs}")
        # one entry of the search path may lie in another
        entries = [it for it in self._inventory.search_path if stray.path.startswith(f"{it.path}/")]
        paths = [(stray.path[len(it.path) + 1 :].rstrip("/"), it.site) for it in entries]
        ignored = next((it for it in self._lock.ignored if it.name in {path for path, _ in paths}), None)
        if ignored is not None:
            return _Fate("left out", ignored.reason)
        for overlay in self._lock.overlays:
            if any(holds(self._lock, overlay, path, in_site=site) for path, site in paths):
                return _Fate("carried", f"{overlay.name}.zip: {stray.reason}")
        absent = [it.name for it in self._lock.overlays if not is_there(self._lock, it)]
        if absent:
            return _Fate(
                "missing",
                f"as far as can be told without {'.zip, '.join(absent)}.zip, which must lie beside it",
            )
        return _Fate("missing", f"no archive beside it holds it ({stray.reason})")

    def _wheel_fate(self, name: str) -> _Fate:
        if self._lock is None:
            return _Fate()
        locked = next((it for it in self._lock.packages if it.name == name), None)
        return _fate(locked) if locked is not None else self._absent(name)

    def _conda_fate(self, package: CondaPackage) -> _Fate:
        if self._lock is None:
            return _Fate()
        locked = next((it for it in self._lock.conda if it.name == package.name), None)
        return _fate(locked) if locked is not None else self._absent(f"{_CONDA}{package.name}")

    def _absent(self, name: str) -> _Fate:
        ignored = next((it for it in self._lock.ignored if it.name == name), None) if self._lock else None
        if ignored is None:
            return _Fate("missing", "it was not there when the lock was made")
        return _Fate("left out", ignored.reason)

    def _by(self, names: Sequence[str]) -> tuple[Wanted, ...]:
        found = {
            wanted for name in names for wanted in self._wanted.get(name, ()) if wanted.name not in names
        }
        return tuple(sorted(found, key=lambda it: (it.name, it.requirement)))

    def _roots(self) -> set[str]:
        asked = {it.name for it in self._inventory.distributions if it.requested}
        return asked | {f"{_CONDA}{it.name}" for it in _conda(self._inventory) if it.requested}

    def _chain(self, names: Sequence[str], roots: set[str]) -> tuple[str, ...]:
        """The shortest way from somebody who was asked for, or else from one whom nobody wants."""
        ways: dict[str, tuple[str, ...]] = {name: (name,) for name in names}
        waiting, best = deque(names), tuple[str, ...]()
        while waiting:
            name = waiting.popleft()
            if name in roots:
                return ways[name]
            above = [it.name for it in self._wanted.get(name, ()) if it.name not in ways]
            best = best or (() if self._wanted.get(name) else ways[name])
            ways |= {it: (it, *ways[name]) for it in above}
            waiting.extend(dict.fromkeys(above))
        return best


def _wanted(inventory: Inventory) -> dict[str, list[Wanted]]:
    """Who wants what: distributions by their names, conda packages as ``conda:NAME``."""
    found: dict[str, list[Wanted]] = {}
    for want in each_want(inventory):
        found.setdefault(want.name, []).append(Wanted(want.by, want.requirement))
    return found


def _fate(locked: LockedPackage | LockedConda) -> _Fate:
    made = getattr(locked, "reason", None)
    if made:
        return _Fate("carried", f"{locked.filename}: {getattr(locked, 'origin', '')} here: {made}")
    if locked.index_path is not None:
        reason = f"{locked.index_path} of the index {locked.index_name}, with a login of the node's own"
        return _Fate("fetched", f"{locked.filename}: {reason}")
    if locked.path is not None:
        inner = getattr(locked, "index_name", None)
        source = f" {inner}" if inner else ""
        reason = f"no public index or channel has it, so it travels with the lock{' from' if source else ''}{source}"
        return _Fate("carried", f"{locked.filename}: {reason}")
    return _Fate("fetched", str(locked.url))


def _origin(it: Distribution) -> str:
    origin = it.origin
    by = f", installed by {it.installer}" if it.installer else ""
    where = f" {origin.url}" if origin.url else ""
    commit = f" at commit {origin.commit}" if origin.commit else ""
    words = {
        "index": "an index",
        "vcs": f"{origin.vcs or 'version control'}{where}{commit}",
        "editable": f"an editable installation of{where or ' a folder of this machine'}",
        "local-dir": f"the folder{where}",
        "archive": f"the file{where}",
        "conda": f"the conda package {origin.package}",
        "system": "the operating system",
    }
    return f"{words.get(origin.kind, 'nobody knows where')}{by}"


def _conda(inventory: Inventory) -> Sequence[CondaPackage]:
    return () if inventory.conda is None else inventory.conda.packages


def _full_name(package: CondaPackage) -> str:
    return f"{package.name}-{package.version}-{package.build}"
