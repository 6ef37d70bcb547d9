"""What is in the environment only for fastenv's sake, and so is no part of the copy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from fastenv.scan.installed import canonical
from fastenv.scan.inventory import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastenv.scan.inventory import Distribution, Interpreter, Platform

__all__ = ["leave_out", "marker_values_of"]

_OURSELVES = "fastenv"
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def leave_out(
    distributions: Sequence[Distribution], interpreter: Interpreter, platform: Platform
) -> tuple[LeftOut, ...]:
    """fastenv, and what only fastenv requires and nobody requested, each with its reason.

    In doubt a distribution stays: what fastenv's extras bring is not counted as required by
    fastenv, and what any extra of others asks for is counted as required.
    """
    by_name = {it.name: it for it in distributions}
    if _OURSELVES not in by_name:
        return ()
    marker_values = marker_values_of(interpreter, platform)
    ours = _closure({_OURSELVES}, by_name, marker_values, extras=False)
    # what conda installed is conda's to leave out
    firm = {it.name for it in distributions if it.requested or it.origin.kind == "conda"}
    roots = ({it.name for it in distributions if it.name not in ours} | firm) - {_OURSELVES}
    kept = _closure(roots, by_name, marker_values, extras=True)
    found = []
    for name in sorted(ours - (kept - {_OURSELVES})):
        it = by_name[name]
        mine = name == _OURSELVES
        reason = "fastenv itself" if mine else "only fastenv requires it, and nobody requested it"
        found.append(LeftOut(name, it.version, it.layer, reason))
    return tuple(found)


def _closure(
    roots: set[str],
    by_name: dict[str, Distribution],
    marker_values: dict[str, str],
    *,
    extras: bool,
) -> set[str]:
    """``roots`` and all that they require and that is there, and so on."""
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in by_name:
            continue
        reached.add(name)
        waiting += _required(by_name[name], by_name, reached, marker_values, extras=extras)
    return reached


def _required(
    it: Distribution,
    by_name: dict[str, Distribution],
    reached: set[str],
    marker_values: dict[str, str],
    *,
    extras: bool,
) -> list[str]:
    """Names that ``it`` requires, of those that are there and not yet reached."""
    names = []
    for text in it.requires:
        match = _NAME.match(text)
        name = canonical(match[1]) if match else ""
        # Parsing a requirement takes 50 us: only those that could change the answer are.
        if name in by_name and name not in reached and _applies(text, it, marker_values, extras=extras):
            names.append(name)
    return names


def _applies(text: str, it: Distribution, marker_values: dict[str, str], *, extras: bool) -> bool:
    if ";" not in text:
        return True
    try:
        marker = Requirement(text).marker
    except InvalidRequirement:
        return True
    if marker is None:
        return True
    wanted = ("", *it.extras) if extras else ("",)
    return any(marker.evaluate({**marker_values, "extra": extra}) for extra in wanted)


def marker_values_of(interpreter: Interpreter, platform: Platform) -> dict[str, str]:
    """PEP 508's environment of the target; what is not known of it is that of the machine."""
    return {
        "implementation_name": interpreter.implementation,
        "implementation_version": interpreter.version,
        "platform_machine": platform.arch,
        "platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(
            interpreter.implementation, ""
        ),
        "python_full_version": interpreter.version,
        "python_version": interpreter.series,
        "sys_platform": platform.os,
    }
