"""What bears on an environment from outside of it, and what a scan did not follow."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastenv.scan.distributions import Found
    from fastenv.scan.inventory import CondaEnvironment, Inventory

__all__ = ["active_notes", "conda_notes", "notes", "unasked_notes", "variables"]

_VARIABLES = (
    "CONDA_PREFIX",
    "LD_LIBRARY_PATH",
    "LOADEDMODULES",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "VIRTUAL_ENV",
)


def variables(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables that change what is imported or loaded, of those that are set."""
    return tuple((name, environ[name]) for name in _VARIABLES if environ.get(name))


def notes(prefix: str, environ: Mapping[str, str], found: Found) -> Iterator[str]:
    """Sentences for the user, without full stops."""
    yield from active_notes(prefix, environ)
    if environ.get("PYTHONHOME"):
        yield "PYTHONHOME is set; it was not followed"
    for folder, names in found.listings.items():
        for module in ("sitecustomize.py", "usercustomize.py"):
            # Debian's own, in the standard library, is part of the interpreter.
            if module in names and "os.py" not in names:
                file = f"{folder}/{module}"
                yield f"{file} runs at start-up; what it does to the search path was not followed"
    yield from found.notes


def active_notes(
    prefix: str, environ: Mapping[str, str], *, did: str = "was scanned", does: str = "scans"
) -> Iterator[str]:
    """That another environment is active than the one at ``prefix``; ``did`` and ``does`` say what was done to this."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        active = environ.get(name)
        if active and os.path.realpath(active) != os.path.realpath(prefix):
            yield f"{name} is {active}, but {prefix} {did}: --prefix {active} {does} that one"


def unasked_notes(
    inventory: Inventory,
    python: str | os.PathLike[str] | None,
    prefix: str | os.PathLike[str] | None,
    *,
    did: str,
    does: str,
) -> tuple[str, ...]:
    """The same where nobody named the environment: it is that of the interpreter that runs this."""
    if prefix is not None or (python is not None and os.fspath(python) != sys.executable):
        return ()
    return tuple(active_notes(inventory.prefix, os.environ, did=did, does=does))


def conda_notes(conda: CondaEnvironment) -> Iterator[str]:
    """Sentences on what conda does with the environment, without full stops."""
    if conda.frozen is not None:
        yield "conda-meta/frozen is there: conda must not change this environment"
    if conda.pinned:
        yield f"conda-meta/pinned holds {', '.join(conda.pinned)}"
    if conda.variables:
        yield f"activation sets {', '.join(name for name, _ in conda.variables)} (conda-meta/state)"
    shortcuts = [it.name for it in conda.packages if it.shortcuts]
    if shortcuts:
        yield f"{', '.join(shortcuts)} have shortcuts for a desktop's menu (Menu/*.json)"
    scripts = [it.name for it in conda.packages if it.link_scripts]
    if scripts:
        yield f"conda ran scripts when it linked {', '.join(scripts)}; what they wrote is not known"
