"""What the commands share of click: paths, and arguments with a word of help.

click has help for arguments since 8.5 only, and users' environments hold older ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PATH", "Argument", "Command"]

PATH = click.Path(path_type=Path)
"""A pathlib.Path; whether it is there is the verb's to say."""


class Argument(click.Argument):
    """An argument that says on the help page what it is."""

    def __init__(self, declarations: Sequence[str], *, said: str, **attributes: Any) -> None:
        super().__init__(declarations, **attributes)
        self.said = said


class Command(click.Command):
    """A command that lists its arguments above its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments, then the options."""
        rows = [
            (" ".join(it.get_usage_pieces(ctx)), f"{it.said}  [required]")
            for it in self.params
            if isinstance(it, Argument)
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)
