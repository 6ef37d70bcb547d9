"""``fastenv store``, for the help page: ``fastenv.cli.main`` becomes the node program before it gets here."""

from __future__ import annotations

from typing import Annotated

import typer

from fastenv.cli.node import become

__all__ = ["store"]


def store(
    verb: Annotated[str, typer.Argument(metavar="VERB", help="info, verify or gc.")],
) -> None:
    """What the store holds, whether it is as it was, and less of it. `fastenv store --help` has the options."""
    become(["store", verb])
