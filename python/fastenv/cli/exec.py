"""``fastenv exec``, for the help page: ``fastenv.cli.main`` becomes the node program before it gets here."""

from __future__ import annotations

import click

from fastenv.cli.node import become
from fastenv.cli.parameter import Argument, Command

__all__ = ["exec"]


@click.command("exec", cls=Command)
@click.argument(
    "environment",
    metavar="ENV",
    cls=Argument,
    said="A lock file, a prefix, or an env id (12 digits or more).",
)
@click.argument(
    "command", nargs=-1, required=True, cls=Argument, said="After --: the command and its arguments."
)
def exec(environment: str, command: tuple[str, ...]) -> None:  # noqa: A001 # the command's name
    """Run a command in an environment, made first if need be. `fastenv exec --help` has the options."""
    become(["exec", environment, "--", *command])
