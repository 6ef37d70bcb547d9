"""What conda keeps of an environment beside its packages: as a value, as tables of TOML, and of what was scanned.

What may stand in the tables the core checks (rust/lock/settings.rs): whoever reads a lock computes its env id there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastenv.scan.conda_state import MASK

if TYPE_CHECKING:
    from fastenv.scan.inventory import CondaEnvironment

__all__ = ["CondaSettings", "lockable", "settings_from_tables", "settings_warnings", "unlockable"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = (
    "PATH",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "CONDA_SHLVL",
    "CONDA_PROMPT_MODIFIER",
    "FASTENV_ENV_ID",
)
"""Names of variables that activation itself sets, whatever the case."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class CondaSettings:
    """``variables`` are pairs of name and value that activation sets, sorted by name (conda-meta/state).

    ``pinned`` are the match specs of conda-meta/pinned; ``frozen`` is the text of conda-meta/frozen (CEP 22), or None.
    """

    variables: tuple[tuple[str, str], ...] = ()
    pinned: tuple[str, ...] = ()
    frozen: str | None = None


def settings_from_tables(tool: Mapping[str, Any]) -> CondaSettings:
    """The value of what stands below ``[tool.fastenv]``. Raises ValueError with what is wrong, and where."""
    variables = _table(tool, "variables")
    for name, value in variables.items():
        if not isinstance(value, str):
            raise ValueError(f"tool.fastenv.variables: {name} is {type(value).__name__}, not str")
    meta = _table(tool, "conda-meta")
    pinned, frozen = meta.get("pinned", []), meta.get("frozen")
    if not isinstance(pinned, list) or not all(isinstance(spec, str) for spec in pinned):
        raise ValueError("tool.fastenv.conda-meta: pinned is not a list of strings")
    if frozen is not None and not isinstance(frozen, str):
        raise ValueError(f"tool.fastenv.conda-meta: frozen is {type(frozen).__name__}, not str")
    return CondaSettings(tuple(sorted(variables.items())), tuple(pinned), frozen)


def lockable(conda: CondaEnvironment | None) -> CondaSettings:
    """What a lock has of what was scanned: all that a node can set."""
    if conda is None or all(it.problems for it in conda.packages):
        return CondaSettings()
    without = {name for name, _ in unlockable(conda)}
    return CondaSettings(
        tuple(pair for pair in conda.variables if pair[0] not in without),
        tuple(spec for spec in conda.pinned if _is_spec(spec)),
        None if conda.frozen is None or not _is_utf8(conda.frozen) else conda.frozen,
    )


def unlockable(conda: CondaEnvironment) -> Iterator[tuple[str, str]]:
    """Names of variables that no lock has, each with the reason; that of a masked one is empty."""
    in_capitals = [name.upper() for name, _ in conda.variables]
    for name, value in conda.variables:
        if value == MASK:
            yield name, ""
        elif not _NAME.fullmatch(name):
            yield name, "it is no name that a shell can set"
        elif name.upper() in _RESERVED:
            yield name, "activation itself sets it"
        elif in_capitals.count(name.upper()) > 1:
            yield name, "another one is the same in capitals, in which conda sets them"
        elif "\0" in value or not _is_utf8(value):
            yield name, "its value is no text that a process can have"


def settings_warnings(conda: CondaEnvironment) -> Iterator[str]:
    """What of conda's settings is not in a lock, and what of it a copy can't use. Sentences without full stops."""
    left_out = dict(unlockable(conda))
    secret = [name for name, why in left_out.items() if not why]
    if secret:
        verb, them = ("is", "it") if len(secret) == 1 else ("are", "them")
        yield (
            f"{', '.join(secret)} (conda-meta/state) may be secret and {verb} not in the lock: "
            f"set {them} where a job is started, `fastenv exec` passes {them} on"
        )
    for name, why in left_out.items():
        if why:
            yield f"the variable {name} (conda-meta/state) is not in the lock: {why}"
    for spec in conda.pinned:
        if not _is_spec(spec):
            yield f"{spec!r} (conda-meta/pinned) is not in the lock: it is no match spec"
    here = [name for name, value in conda.variables if name not in left_out and conda.prefix in value]
    if here:
        yield f"{', '.join(here)} (conda-meta/state) will name {conda.prefix} on the nodes, too"


def _table(tool: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tool.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"tool.fastenv.{key} is not a table")
    return table


def _is_spec(text: str) -> bool:
    return bool(text) and not _CONTROL.search(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
