"""``fastenv probe``, for the help page: ``fastenv.cli.main`` becomes the node program before it gets here."""

from __future__ import annotations

import click

from fastenv.cli.node import become

__all__ = ["probe"]


@click.command("probe")
def probe() -> None:
    """Say what this node has, as conda's packages ask for it. `fastenv probe --help` has the options."""
    become(["probe"])
