"""What an inventory alone tells of packages that can't be locked, and of those that no index will have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from fastenv.exceptions import Fault
from fastenv.lock.edits import Edit, edits_text
from fastenv.lock.reinstall import reinstall
from fastenv.scan.installed import canonical
from fastenv.scan.inventory import Broken, Contested, Distribution, Inventory

__all__ = ["Unfetchable", "edited", "inventory_faults", "shared_edits", "unfetchable"]

_AS_WHEEL = (
    "build a wheel of it into a folder, install that, and name the folder in $UV_FIND_LINKS or $PIP_FIND_LINKS, or by "
    "find-links in uv.toml or pip.conf"
)
_REINSTALL = "install it again: pip install --force-reinstall --no-deps {name}=={version}"
_INFO = re.compile(r"([A-Za-z0-9][\w.-]*?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")


@dataclass(frozen=True)
class Unfetchable:
    """Why no index gives what is installed: in a few words, which the lock has, and as the fault that it is where
    repacking is not allowed. ``warn`` tells that a copy may not be all that there is, ``edited`` that files were
    edited since they were installed.
    """

    reason: str
    fault: Fault
    warn: bool = False
    edited: bool = False


def inventory_faults(inventory: Inventory) -> Iterator[Fault]:
    """Every fault that needs neither the network nor the installed files; a package may have several.

    What conda installed is conda's, and its distributions have no faults of their own.
    """
    conda = inventory.conda.packages if inventory.conda is not None else ()
    known: Mapping[str, str] = {d.name: d.version for d in inventory.distributions}
    packages = {f"conda:{it.name}": it for it in conda}
    known = {**known, **{name: it.version for name, it in packages.items()}}
    whole = {it.metadata_path for it in inventory.distributions}
    for it in inventory.distributions:
        if it.origin.kind != "conda" and not _has_version(it):
            yield Fault(
                it.name, it.version, "its version is none that an index can have (PEP 440)", _AS_WHEEL
            )
    for broken in inventory.broken:
        if broken.path in whole:
            continue  # what is there of it can be packed up
        name = broken.name or broken.path.rpartition("/")[2]
        version = known.get(broken.name, "?")
        hint = _broken_hint(name, version, broken)
        if broken.name.startswith("conda:"):
            package = packages.get(broken.name)
            again = f"remove {broken.path}, and install the package again"
            hint = again if package is None else reinstall(package)
        yield Fault(name, version, _broken_reason(broken), hint)
    settled = shared_edits(inventory)
    for contested in inventory.contested:
        if contested.winner is None and contested.path not in settled:
            name = contested.claims[0].name
            yield _contested_fault(contested, name, known.get(name, "?"))


def shared_edits(inventory: Inventory) -> dict[str, str]:
    """Contested paths that hold nobody's bytes, since they were edited: each with the name of a distribution that
    claims it, and is to bring what is there.
    """
    sound = {it.name: it for it in inventory.distributions if it.origin.kind != "conda" and _has_version(it)}
    found = {}
    for row in inventory.contested:
        kind, _, below = row.path.partition("/")
        if row.winner is not None or kind != "site":
            continue
        claimants = (sound[claim.name] for claim in row.claims if claim.name in sound)
        name = next((it.name for it in claimants if os.path.isfile(f"{it.location}/{below}")), None)
        if name is not None:
            found[row.path] = name
    return found


def _contested_fault(row: Contested, name: str, version: str) -> Fault:
    names = " and ".join(claim.name for claim in row.claims)
    return Fault(name, version, f"{row.path}, which {names} claim: {row.reason}", "install one of them again")


def unfetchable(inventory: Inventory) -> dict[str, Unfetchable]:
    """By name, what is known to be in no index before any index is asked."""
    broken = {row.path: row for row in inventory.broken}
    shared = {name: path for path, name in shared_edits(inventory).items()}
    rows = {row.path: row for row in inventory.contested}
    found = {}
    for it in inventory.distributions:
        if it.origin.kind != "conda" and _has_version(it):
            why = _why(it, broken.get(it.metadata_path))
            if why is None and it.name in shared:
                fault = _contested_fault(rows[shared[it.name]], it.name, it.version)
                why = Unfetchable("files were edited", fault, edited=True)
            if why is not None:
                found[it.name] = why
    return found


def edited(distribution: Distribution, edits: Sequence[Edit]) -> Unfetchable:
    """Of a distribution whose installed files are not those of its RECORD."""
    fault = Fault(
        distribution.name,
        distribution.version,
        f"installed files were edited: {edits_text(edits)}",
        _REINSTALL.format(name=distribution.name, version=distribution.version),
    )
    return Unfetchable("files were edited", fault, edited=True)


def _has_version(it: Distribution) -> bool:
    return _is_version(it.version)


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _broken_reason(broken: Broken) -> str:
    return "its installation is broken: " + "; ".join(broken.reasons)


def _broken_hint(name: str, version: str, broken: Broken) -> str:
    if version != "?":
        return _REINSTALL.format(name=name, version=version)
    # without the folder its files would be nobody's
    folder = _INFO.fullmatch(os.path.basename(broken.path.rstrip("/")))
    if folder is None or not _is_version(folder[2]):
        return f"remove {broken.path}"
    return _REINSTALL.format(name=canonical(folder[1]), version=folder[2])


def _why(it: Distribution, broken: Broken | None) -> Unfetchable | None:
    known = _origin_reason(it)
    if known is not None:
        return Unfetchable(known[0], Fault(it.name, it.version, *known[1:]), warn=it.files_digest is None)
    if broken is not None:
        fault = Fault(it.name, it.version, _broken_reason(broken), _broken_hint(it.name, it.version, broken))
        reason = "it has no RECORD" if it.files_digest is None else "its installation is damaged"
        return Unfetchable(reason, fault, warn=True)
    if it.files_digest is None:
        reason = "it has no RECORD, so nothing tells which wheel it was"
        fault = Fault(it.name, it.version, reason, _REINSTALL.format(name=it.name, version=it.version))
        return Unfetchable("it has no RECORD", fault, warn=True)
    return None


def _origin_reason(it: Distribution) -> tuple[str, str, str] | None:
    """For the lock, for a reader, and what to do, of what came from no index; or None."""
    origin = it.origin
    where = f" {origin.url}" if origin.url else ""
    commit = f" at commit {origin.commit}" if origin.commit else ""
    system = f" ({it.installer})" if it.installer else ""
    vcs = origin.vcs or "version control"
    by_kind = {
        "vcs": (f"from {vcs}", f"it was installed from {vcs}{where}{commit}", _AS_WHEEL),
        "editable": (
            "editable",
            f"it is editable: its code is in{where or ' a folder of this machine'}",
            _AS_WHEEL,
        ),
        "local-dir": (
            "from a folder",
            f"it was built from the folder{where}, not from an index",
            _AS_WHEEL,
        ),
        "archive": (
            "from a file",
            f"it was installed from the file{where}, not from an index",
            _AS_WHEEL,
        ),
        "system": (
            "the operating system's",
            f"it is the operating system's{system}",
            f"install it in a venv: pip install {it.name}=={it.version}",
        ),
    }
    return by_kind.get(origin.kind)
