"""``fastenv store``, for the help page: ``fastenv.cli.main`` becomes the node program before it gets here."""

from __future__ import annotations

import click

from fastenv.cli.node import become
from fastenv.cli.parameter import Argument, Command

__all__ = ["store"]


@click.command("store", cls=Command)
@click.argument("verb", metavar="VERB", cls=Argument, said="info, verify or gc.")
def store(verb: str) -> None:
    """What the store holds, whether it is as it was, and less of it. `fastenv store --help` has the options."""
    become(["store", verb])
