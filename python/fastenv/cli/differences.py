"""How differences are shown: by ``fastenv diff`` and ``fastenv lock --check``.

rich is imported where there is a table to show: `fastenv lock` mostly has none, and starts sooner.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from fastenv.composition import Difference

__all__ = ["tell"]


def tell(differences: Sequence[Difference], sides: tuple[str, str], *, as_json: bool, same: str) -> None:
    """Print them, as a table with the two ``sides`` or as JSON lines; exit status 1 if there is any.

    ``same`` is the line that says that there is none.
    """
    if as_json:
        for it in differences:
            print(json.dumps({"event": "difference", **asdict(it)}))
        print(json.dumps({"event": "done", "differences": len(differences)}))
    elif differences:
        from rich.console import Console

        Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(_table(differences, sides))
        noun = "difference" if len(differences) == 1 else "differences"
        print(f"{len(differences)} {noun}", file=sys.stderr)
    else:
        print(same, file=sys.stderr)
    if differences:
        raise click.exceptions.Exit(1)


def _table(differences: Sequence[Difference], sides: tuple[str, str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title in ("Name", "What", *sides):
        table.add_column(title, overflow="fold")
    noted = any(it.note for it in differences)
    if noted:
        table.add_column("Why", overflow="fold")
    for it in differences:
        name = f"conda:{it.name}" if it.kind == "conda" else it.name
        what = it.kind if it.what in ("value", "presence") else it.what
        row = [Text(name, "bold"), Text(what), _value(it.left, "red"), _value(it.right, "green")]
        table.add_row(*row, *([Text(it.note, "dim")] if noted else []))
    return table


def _value(value: str | None, style: str) -> Text:
    from rich.text import Text

    return Text("-", "dim") if value is None else Text(value, style)
