"""``fastenv scan``: what is in this environment, and where each thing came from."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastenv.cli.parameter import PATH
from fastenv.exceptions import FileSystemError
from fastenv.listing import some_of
from fastenv.loose.unowned import may_travel
from fastenv.scan import scan as scan_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastenv.scan.inventory import CondaPackage, Distribution, Inventory, SystemLibrary

__all__ = ["distribution_table", "human_size", "scan", "sections", "show", "summary"]

_SHOWN = 20
"""Lines of a section before the rest is but counted."""
_ORIGIN_STYLE = {
    "index": "green",
    "conda": "green",
    "system": "blue",
    "unknown": "red",
}
_FROM_ELSEWHERE = "yellow"
"""Of what no index gives: a checkout, a directory, an archive."""
_LAYER_STYLE = {"env": "dim"}
_NAMED = 2
"""Packages that are named with a library."""
_STEP = 1000
_TWO_DIGITS = 10


@click.command("scan")
@click.option("--python", type=PATH, metavar="EXE", help="The interpreter of the environment.")
@click.option("--prefix", type=PATH, metavar="DIR", help="Or the folder of a venv or conda environment.")
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write the inventory there, as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the inventory as JSON instead of a table.")
@click.option(
    "--layers",
    type=click.Choice(["all", "env"]),
    default="all",
    show_default=True,
    help="All that the interpreter finds, or what the environment itself holds.",
)
@click.option("--include-self", is_flag=True, help="Keep fastenv and what only fastenv requires.")
def scan(
    *,
    python: Path | None,
    prefix: Path | None,
    output: Path | None,
    as_json: bool,
    layers: Literal["all", "env"],
    include_self: bool,
) -> None:
    """Say what is in an environment, and where each thing came from."""
    inventory = scan_environment(python=python, prefix=prefix, layers=layers, include_self=include_self)
    text_only = as_json or str(output) == "-"
    if output is not None and str(output) != "-":
        _write(output, inventory.to_json())
    if text_only:
        sys.stdout.write(inventory.to_json())
    else:
        show(inventory, Console(highlight=False))


def show(inventory: Inventory, console: Console) -> None:
    """Print the table, a line that sums it up, and what deserves a look."""
    console.print(distribution_table(inventory))
    # Lines are never broken by us: a path must stay one word when it is copied or searched for.
    console.print(summary(inventory), soft_wrap=True)
    for title, lines in sections(inventory):
        console.print()
        console.print(Text(title, style="bold"), soft_wrap=True)
        for line in lines[:_SHOWN]:
            console.print(Text("  ") + line, soft_wrap=True)
        if len(lines) > _SHOWN:
            more = f"  and {len(lines) - _SHOWN} more, which --json lists"
            console.print(Text(more, style="dim"), soft_wrap=True)


def distribution_table(inventory: Inventory) -> Table:
    """One row a distribution, and one a conda package without any; what was asked for is bold, damaged red."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Name", overflow="fold", ratio=None)
    table.add_column("Version", overflow="fold")
    table.add_column("Origin", overflow="fold")
    table.add_column("Layer", no_wrap=True)
    table.add_column("Size", justify="right", no_wrap=True)
    for it in inventory.distributions:
        style = "red" if it.problems else "bold" if it.requested else ""
        table.add_row(
            Text(it.name, style),
            it.version,
            Text(_origin(it), _ORIGIN_STYLE.get(it.origin.kind, _FROM_ELSEWHERE)),
            Text(it.layer, _LAYER_STYLE.get(it.layer, "magenta")),
            Text(human_size(it.size) if it.files else "-", "cyan" if it.files else "dim"),
        )
    for package in _without_distribution(inventory):
        style = "red" if package.problems else "bold" if package.requested else ""
        origin = Text("conda package", _ORIGIN_STYLE["conda"])
        size = Text("-", "dim") if package.size is None else Text(_packed(package.size), "cyan")
        table.add_row(Text(package.name, style), package.version, origin, Text("env", "dim"), size)
    return table


def _without_distribution(inventory: Inventory) -> Iterator[CondaPackage]:
    """Conda packages that bring no distribution of Python, or several."""
    named = {it.origin.package for it in inventory.distributions}
    for it in inventory.conda.packages if inventory.conda is not None else ():
        if f"{it.name}-{it.version}-{it.build}" not in named:
            yield it


def summary(inventory: Inventory) -> Text:
    """How many distributions, bytes and files there are, and which interpreter they are for."""
    its = inventory.distributions
    packages = inventory.conda.packages if inventory.conda is not None else ()
    counts = [_count(len(its), "distribution")] if its or not packages else []
    counts += [_conda_count(packages)] if packages else []
    files = f"{sum(it.files for it in its):,} files"
    extent = f", {human_size(sum(it.size for it in its))} in {files}" if its or not packages else ""
    python, place = _python(inventory)
    return Text.assemble((" and ".join(counts), "bold"), f"{extent}; ", (python, "bold"), f" in {place}")


def _packed(size: int) -> str:
    """Of an archive: a record tells nothing else."""
    return f"{human_size(size)} packed"


def _conda_count(packages: Sequence[CondaPackage]) -> str:
    known = [it.size for it in packages if it.size is not None]
    return _count(len(packages), "conda package") + (f" ({_packed(sum(known))})" if known else "")


def _python(inventory: Inventory) -> tuple[str, str]:
    """The interpreter, and of what kind its environment is."""
    python = inventory.interpreter
    kind = ", a conda environment" if inventory.conda is not None else ""
    if python is None:
        return "no python", f"{inventory.prefix}{kind}"
    name = {"cpython": "CPython", "pypy": "PyPy"}.get(python.implementation, python.implementation)
    if python.is_venv:
        kind += f", a venv on {python.base_executable}"
    return f"{name} {python.version}", f"{python.prefix}{kind}"


def sections(inventory: Inventory) -> Iterator[tuple[str, Sequence[Text]]]:
    """What deserves a look, each kind with its title; none of it when there is nothing."""
    short = _Shortener(inventory.prefix)
    every = (
        (
            "Broken: metadata that is damaged",
            [
                _line(item.name or short(item.path), "red", "; ".join(item.reasons))
                for item in inventory.broken
            ],
        ),
        (
            "Shadowed: a second distribution of a name, which does not count",
            [_line(f"{it.name} {it.version}", "yellow", short(it.reason)) for it in inventory.shadowed],
        ),
        (
            "Contested: paths that several distributions claim with different contents",
            [
                _line(
                    short(it.path),
                    "yellow",
                    f"{' and '.join(claim.name for claim in it.claims)}: "
                    + (f"{it.winner}'s is there" if it.winner else short(it.reason)),
                )
                for it in inventory.contested
            ],
        ),
        *_unowned(inventory, short),
        (
            "Left out: no part of the copy (--include-self keeps what is here for fastenv only)",
            [_line(f"{it.name} {it.version}", "dim", it.reason) for it in inventory.left_out],
        ),
        ("Notes", [Text(short(note)) for note in inventory.notes]),
    )
    counted = ((f"{title} ({len(lines)})", lines) for title, lines in every if lines)
    return chain(counted, _libraries(inventory))


def _unowned(inventory: Inventory, short: _Shortener) -> Iterator[tuple[str, list[Text]]]:
    """What no distribution owns: what a lock takes along, and the rest."""
    lines: dict[bool, list[Text]] = {True: [], False: []}
    for it in inventory.strays:
        if it.kind != "venv":
            line = _line(short(it.path), "yellow", short(it.reason))
            lines[may_travel(it, inventory)].append(line)
    yield "Loose code: owned by no distribution; fastenv lock packs it up, or says why not", lines[True]
    yield "Strays: owned by no distribution, so part of no copy", lines[False]


def _libraries(inventory: Inventory) -> Iterator[tuple[str, Sequence[Text]]]:
    """What the environment needs of the system: what is missing a line each, all else in one."""
    missing = [it for it in inventory.libraries if not it.path]
    there = [it for it in inventory.libraries if it.path and not it.is_of_glibc]
    if missing:
        lines = [_line(it.name, "yellow", _needed_by(it)) for it in missing]
        yield f"Libraries that are missing on this machine ({len(missing)})", lines
    if there:
        title = f"Libraries of this system, which a node must have, too ({len(there)})"
        yield title, [Text(", ".join(f"{it.name} ({_needed_by(it)})" for it in there))]


def _needed_by(it: SystemLibrary) -> str:
    return some_of(it.packages, _NAMED)


def human_size(size: int) -> str:
    """Bytes as people read them: 999 B, 1.5 kB, 12 MB; decimal units."""
    if size < _STEP:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= _STEP
        if round(value) < _STEP or unit == "TB":
            break
    return f"{value:.1f} {unit}" if round(value, 1) < _TWO_DIGITS else f"{value:.0f} {unit}"


class _Shortener:
    """Leaves the environment's own prefix out of paths: it stands in the summary."""

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix.rstrip('/')}/"

    def __call__(self, text: str) -> str:
        return text.replace(self._prefix, "")


def _line(what: str, style: str, why: str) -> Text:
    return Text.assemble((what, style), f"  {why}")


def _origin(it: Distribution) -> str:
    if it.origin.kind == "vcs":
        return f"{it.origin.vcs or 'vcs'} {it.origin.commit[:7]}".rstrip()
    return it.origin.kind


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise FileSystemError(message, path=str(path), hint="give another place with -o") from error
