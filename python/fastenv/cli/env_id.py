"""``fastenv env-id``: the name of the environment that a lock describes."""

from __future__ import annotations

from pathlib import Path

import click

import fastenv
from fastenv.cli.parameter import PATH, Argument, Command

__all__ = ["env_id"]


@click.command("env-id", cls=Command)
@click.argument("lock", type=PATH, metavar="LOCK", cls=Argument, said="pylock.fastenv.toml")
def env_id(lock: Path) -> None:
    """Print the id of the environment that a lock describes."""
    print(fastenv.env_id(lock))
