"""``fastenv why``: where something came from, who wants it, and what the lock does with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

import fastenv
from fastenv.cli.parameter import PATH, Argument, Command
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


@click.command("why", cls=Command)
@click.argument(
    "name", metavar="NAME", cls=Argument, said="A package, conda:NAME, or a module that nobody owns."
)
@click.option("--python", type=PATH, metavar="EXE", help="The environment's interpreter.")
@click.option("--prefix", type=PATH, metavar="DIR", help="Or the environment's folder.")
@click.option("--inventory", type=PATH, metavar="FILE", help="Or what `fastenv scan -o FILE` wrote.")
@click.option(
    "--lock",
    type=PATH,
    metavar="LOCK",
    help="The lock to look into; ./pylock.fastenv.toml if it is there.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def why(
    name: str,
    *,
    python: Path | None,
    prefix: Path | None,
    inventory: Path | None,
    lock: Path | None,
    as_json: bool,
) -> None:
    """Say where something came from, who wants it, and what the lock does with it."""
    if sum(given is not None for given in (python, prefix, inventory)) > 1:
        raise click.BadParameter("give one of --python, --prefix and --inventory")
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
