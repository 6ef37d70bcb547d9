"""The rows of the lock, made of what was scanned and what was found for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fastenv.lock.carried import carried_path
from fastenv.lock.faults import shared_edits
from fastenv.lock.lockfile import Ignored, LockedContested, LockedInterpreter, LockedPackage
from fastenv.lock.overlays import Overlays
from fastenv.lock.pins import Candidate
from fastenv.lock.place import Place
from fastenv.lock.workshop import Made
from fastenv.scan.inventory import CondaPackage, Distribution, Interpreter, Inventory

_IGNORED_STRAYS = ("module", "file", "egg-info", "script")


def interpreter_row(inventory: Inventory) -> LockedInterpreter | None:
    """The scanned one; conda's own, which comes with its package, has no place on the node."""
    facts = inventory.interpreter
    if facts is None:
        return None
    same = (facts.implementation, facts.version, facts.soabi, facts.build)
    packages = inventory.conda.packages if inventory.conda is not None else ()
    python = next((it for it in packages if it.name == "python"), None)
    if python is None:
        return LockedInterpreter(*same, facts.base_executable or None)
    return LockedInterpreter(*same, source="conda", site_packages=_site(facts, python))


def _site(facts: Interpreter, python: CondaPackage) -> str | None:
    """Where site-packages is, if not where it is with every python (CEP 17)."""
    free_threaded = facts.soabi.partition("-")[2].partition("-")[0].endswith("t")
    usual = f"lib/python{facts.series}{'t' if free_threaded else ''}/site-packages"
    return python.site_packages if python.site_packages not in ("", usual) else None


def index_row(it: Distribution, wheel: Candidate, size: int | None, place: Place) -> LockedPackage:
    """Of an index that is not public: name, file name and sha256, no URL."""
    return LockedPackage(
        name=it.name,
        version=it.version,
        filename=wheel.filename,
        sha256=wheel.sha256,
        url=place.url,
        path=place.path,
        size=wheel.size if size is None else size,
        index=place.index,
        origin=place.origin,
        index_name=place.index_name,
        index_path=place.index_path,
        requested=it.requested,
        layer=it.layer,
        files_digest=it.files_digest,
    )


def made_row(it: Distribution, made: Made) -> LockedPackage:
    """What travels because no index has it."""
    return LockedPackage(
        name=it.name,
        version=it.version,
        filename=made.wheel.filename,
        sha256=made.wheel.sha256,
        path=carried_path(made.wheel),
        size=made.wheel.size,
        origin=made.origin,
        reason=made.reason,
        commit=it.origin.commit or None,
        requested=it.requested,
        layer=it.layer,
        files_digest=made.files_digest,
        source_digest=made.source_digest,
    )


def contested_rows(inventory: Inventory, left_out: Collection[str]) -> Iterator[LockedContested]:
    """The contested paths of what is in the lock, each with its winner."""
    shared = shared_edits(inventory)
    for row in inventory.contested:
        names = {claim.name for claim in row.claims}
        winner = row.winner or shared.get(row.path)
        if winner is not None and names.isdisjoint(left_out):
            yield LockedContested(row.path, winner, tuple(sorted(names)))


def ignored_rows(inventory: Inventory, loose: Overlays) -> Iterator[Ignored]:
    """What the lock has not, and why."""
    for name, reason in loose.left_out:
        yield Ignored(printable(name), "", printable(reason))
    for left_out in inventory.left_out:
        yield Ignored(printable(left_out.name), left_out.version, left_out.reason)
    places = [entry.path for entry in inventory.search_path]
    places += [inventory.conda.prefix] if inventory.conda is not None else []
    roots = sorted(places, key=len, reverse=True)
    for stray in inventory.strays:
        if stray.kind in _IGNORED_STRAYS and not loose.accounts_for(stray.path):
            # a path of this machine is nobody else's business
            root = next((root for root in roots if stray.path.startswith(f"{root}/")), None)
            name = stray.path[len(root) + 1 :] if root else stray.path.rstrip("/").rpartition("/")[2]
            # names of files need not be UTF-8, a lock must be
            yield Ignored(printable(name), "", printable(stray.reason))


def printable(text: str) -> str:
    """Text that can be written and read as UTF-8, which names of files need not be."""
    return text.encode("utf-8", "backslashreplace").decode()
