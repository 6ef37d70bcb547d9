"""``fastenv diff``: what two environments do not share."""

from __future__ import annotations

from pathlib import Path

import click

import fastenv
from fastenv.cli.differences import tell
from fastenv.cli.parameter import PATH, Argument, Command
from fastenv.progress import show

__all__ = ["diff"]


@click.command("diff", cls=Command)
@click.argument(
    "a", metavar="A", cls=Argument, said="An environment's folder, an inventory, a lock, or an env id."
)
@click.argument("b", metavar="B", cls=Argument, said="The same.")
@click.option("--root", type=PATH, metavar="DIR", help="The store's folder, where env ids are looked up.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def diff(a: str, b: str, *, root: Path | None, as_json: bool) -> None:
    """Compare two environments. Exit status 1 if they differ."""
    with show("diff") as on_event:
        found = fastenv.diff(a, b, root=root, on_event=on_event)
    tell(found, ("A", "B"), as_json=as_json, same=f"{a} and {b} are the same environment")
