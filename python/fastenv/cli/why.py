"""``fastenv why``: where something came from, who wants it, and what the lock does with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import fastenv
from fastenv.diff import read_inventory
from fastenv.why import Why

__all__ = ["why"]

_LOCK = Path("pylock.fastenv.toml")
_SHOWN = 8
_FATES = {
    "fetched": "every node fetches it: ",
    "carried": "travels with it: ",
    "left out": "left out: ",
    "missing": "not in it: ",
}


def why(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A package, conda:NAME, or a module that nobody owns.")
    ],
    *,
    python: Annotated[Path | None, typer.Option(metavar="EXE", help="The environment's interpreter.")] = None,
    prefix: Annotated[Path | None, typer.Option(metavar="DIR", help="Or the environment's folder.")] = None,
    inventory: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Or what `fastenv scan -o FILE` wrote.")
    ] = None,
    lock: Annotated[
        Path | None,
        typer.Option(metavar="LOCK", help="The lock to look into; ./pylock.fastenv.toml if it is there."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Say where something came from, who wants it, and what the lock does with it."""
    if sum(given is not None for given in (python, prefix, inventory)) > 1:
        raise typer.BadParameter("give one of --python, --prefix and --inventory")
    scanned = None if inventory is None else read_inventory(inventory)
    chosen = lock if lock is not None or not _LOCK.is_file() else _LOCK
    found = fastenv.why(name, scanned, python=python, prefix=prefix, lock=chosen)
    if as_json:
        for it in found:
            print(json.dumps(asdict(it)))
        return
    for at, it in enumerate(found):
        print(f"{'' if at == 0 else chr(10)}{it.name} {it.version}".rstrip())
        for title, text in _lines(it, chosen):
            print(f"  {title:<10} {text}")
    if chosen is None:
        print("no lock was given, and there is no pylock.fastenv.toml here", file=sys.stderr)


def _lines(it: Why, lock: Path | None) -> Iterator[tuple[str, str]]:
    if it.place:
        yield "at", f"{it.place} ({it.layer})"
    if it.origin:
        yield "from", it.origin
    if it.kind in ("wheel", "conda"):
        yield "asked for", "yes, by name" if it.requested else "no"
        shown = [f"{by.name} ({by.requirement})" for by in it.wanted_by[:_SHOWN]]
        more = [f"{len(it.wanted_by) - _SHOWN} more"] if len(it.wanted_by) > _SHOWN else []
        yield "wanted by", "; ".join([*shown, *more]) or "nobody"
        if len(it.chain) > 1:
            yield "through", " > ".join(it.chain)
    if it.lock is not None:
        yield "lock", f"{lock}: {_FATES[it.lock]}{it.reason}"
    elif it.reason:
        yield "because", it.reason
    for note in it.notes:
        yield "note", note
