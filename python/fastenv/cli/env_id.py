"""``fastenv env-id``: the name of the environment that a lock describes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import fastenv

__all__ = ["env_id"]


def env_id(
    lock: Annotated[Path, typer.Argument(metavar="LOCK", help="pylock.fastenv.toml")],
) -> None:
    """Print the id of the environment that a lock describes."""
    print(fastenv.env_id(lock))
