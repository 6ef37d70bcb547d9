"""What an inventory alone tells of packages that can't be locked yet, or at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.version import InvalidVersion, Version

from fastenv.exceptions import Fault
from fastenv.lock.edits import Edit
from fastenv.lock.reinstall import reinstall
from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["edit_fault", "inventory_faults"]

_AS_WHEEL = (
    "build a wheel of it into a folder, install that, and name the folder by --find-links or find-links ="
)
_REINSTALL = "install it again: pip install --force-reinstall --no-deps {name}=={version}"
_SHOWN = 3


def inventory_faults(inventory: Inventory) -> Iterator[Fault]:
    """Every fault that needs neither the network nor the installed files; a package may have several.

    What conda installed is conda's, and its distributions have no faults of their own.
    """
    conda = inventory.conda.packages if inventory.conda is not None else ()
    known: Mapping[str, str] = {d.name: d.version for d in inventory.distributions}
    packages = {f"conda:{it.name}": it for it in conda}
    known = {**known, **{name: it.version for name, it in packages.items()}}
    for distribution in inventory.distributions:
        if distribution.origin.kind != "conda":
            yield from _faults(distribution)
    for broken in inventory.broken:
        version = known.get(broken.name, "?")
        name = broken.name or broken.path.rpartition("/")[2]
        hint = _REINSTALL.format(name=name, version=version) if version != "?" else f"remove {broken.path}"
        if broken.name.startswith("conda:"):
            it = packages.get(broken.name)
            hint = f"remove {broken.path}, and install the package again" if it is None else reinstall(it)
        yield Fault(name, version, "its installation is broken: " + "; ".join(broken.reasons), hint)
    for contested in inventory.contested:
        if contested.winner is None:
            names = [claim.name for claim in contested.claims]
            reason = f"{contested.path}, which {' and '.join(names)} claim: {contested.reason}"
            yield Fault(names[0], known.get(names[0], "?"), reason, "install one of them again")


def edit_fault(distribution: Distribution, edits: Sequence[Edit]) -> Fault:
    """The fault of a distribution whose installed files are not those of its RECORD."""
    shown = ", ".join(f"{edit.install_path} ({edit.what})" for edit in edits[:_SHOWN])
    more = f" and {len(edits) - _SHOWN} more" if len(edits) > _SHOWN else ""
    return Fault(
        distribution.name,
        distribution.version,
        f"installed files were edited: {shown}{more}",
        _REINSTALL.format(name=distribution.name, version=distribution.version),
    )


def _faults(it: Distribution) -> Iterator[Fault]:
    fault = _origin_fault(it)
    if fault is not None:
        yield Fault(it.name, it.version, *fault)
        return
    if it.problems:
        return  # stands among the broken ones
    try:
        Version(it.version)
    except InvalidVersion:
        yield Fault(it.name, it.version, "its version is none that an index can have (PEP 440)", _AS_WHEEL)
        return
    if it.files_digest is None:
        reason = "it has no RECORD, so nothing tells which wheel it was"
        yield Fault(it.name, it.version, reason, _REINSTALL.format(name=it.name, version=it.version))


def _origin_fault(it: Distribution) -> tuple[str, str] | None:
    """Reason and hint for what came from no index, or None."""
    origin = it.origin
    where = f" {origin.url}" if origin.url else ""
    commit = f" at commit {origin.commit}" if origin.commit else ""
    system = f" ({it.installer})" if it.installer else ""
    by_kind = {
        "vcs": (f"it was installed from {origin.vcs or 'version control'}{where}{commit}", _AS_WHEEL),
        "editable": (f"it is editable: its code is in{where or ' a folder of this machine'}", _AS_WHEEL),
        "local-dir": (f"it was built from the folder{where}, not from an index", _AS_WHEEL),
        "archive": (f"it was installed from the file{where}, not from an index", _AS_WHEEL),
        "system": (
            f"it is the operating system's{system}",
            f"install it in a venv: pip install {it.name}=={it.version}",
        ),
    }
    return by_kind.get(origin.kind)
