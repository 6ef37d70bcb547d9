"""``fastenv exec``, for the help page: ``fastenv.cli.main`` becomes the node program before it gets here."""

from __future__ import annotations

from typing import Annotated

import typer

from fastenv.cli.node import become

__all__ = ["exec"]


def exec(  # noqa: A001 # the command's name
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="A lock file, a prefix, or an env id (12 digits or more).")
    ],
    command: Annotated[list[str], typer.Argument(help="After --: the command and its arguments.")],
) -> None:
    """Run a command in an environment, made first if need be. `fastenv exec --help` has the options."""
    become(["exec", environment, "--", *command])
