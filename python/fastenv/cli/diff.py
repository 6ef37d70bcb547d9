"""``fastenv diff``: what two environments do not share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fastenv
from fastenv.cli.differences import tell

__all__ = ["diff"]

_WHICH = "An environment's folder, an inventory, a lock, or an env id."


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help=_WHICH)],
    b: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    *,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The store's folder, where env ids are looked up.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Compare two environments. Exit status 1 if they differ."""
    found = fastenv.diff(a, b, root=root)
    tell(found, ("A", "B"), as_json=as_json, same=f"{a} and {b} are the same environment")
