"""``fastenv lock``: a URL or bytes, and a sha256, for everything that an environment holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from fastenv.cli.differences import tell
from fastenv.diff import read_inventory
from fastenv.lock import lock as make_lock
from fastenv.lock.check import check_lock
from fastenv.lock.local_builds import OnBuildFailure
from fastenv.progress import show

__all__ = ["lock"]

_STDOUT = "-"


def lock(
    *,
    python: Annotated[Path | None, typer.Option(metavar="EXE", help="The environment's interpreter.")] = None,
    prefix: Annotated[Path | None, typer.Option(metavar="DIR", help="Or the environment's folder.")] = None,
    inventory: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Or what `fastenv scan -o FILE` wrote.")
    ] = None,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help='The lock; "-" is standard output.'),
    ] = "pylock.fastenv.toml",
    public_index: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="An index or channel that every node can reach; may be repeated."),
    ] = None,
    private_index: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="An index or channel whose files travel with the lock; may be repeated."
        ),
    ] = None,
    include_self: Annotated[bool, typer.Option("--include-self", help="Lock fastenv itself too.")] = False,
    link_scripts: Annotated[
        bool, typer.Option("--link-scripts", help="A copy runs the link scripts of the conda packages.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="An error for what would be packed up from installed files.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say whether the lock still fits; exit status 1 if it does not."),
    ] = False,
    on_build_failure: Annotated[
        OnBuildFailure,
        typer.Option(help="Of a local project: an error, its tree as it is, or leave it out."),
    ] = "error",
    build_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1.0, help="How long one build may take.")
    ] = 600.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Lock an environment: write pylock.fastenv.toml, and beside it what no public index has."""
    _check(python, prefix, inventory, output, as_json=as_json and not check)
    found = None if inventory is None else read_inventory(inventory)
    if check:
        differences = check_lock(output, found, python=python, prefix=prefix, include_self=include_self)
        tell(differences, ("Lock", "Environment"), as_json=as_json, same=f"{output} fits the environment")
        return
    with show("lock", as_json=as_json) as on_event:
        made = make_lock(
            found,
            output=None if output == _STDOUT else output,
            python=python,
            prefix=prefix,
            public_indexes=public_index or (),
            private_indexes=private_index or (),
            include_self=include_self,
            link_scripts=link_scripts,
            strict=strict,
            on_build_failure=on_build_failure,
            build_timeout=build_timeout,
            on_event=on_event,
        )
    paths = [*(package.path for package in made.packages), *(package.path for package in made.conda)]
    travelling = sum(path is not None for path in paths)
    if as_json:
        done = {"event": "done", "lock": output, "env_id": made.env_id}
        print(json.dumps({**done, "packages": len(paths), "travelling": travelling}))
    elif output == _STDOUT:
        print(made.text, end="")
    else:
        beside = f", {travelling} of them beside it in pylock.fastenv.d" if travelling else ""
        print(f"{output}: {len(paths)} packages{beside}", file=sys.stderr)


def _check(
    python: Path | None, prefix: Path | None, inventory: Path | None, output: str, *, as_json: bool
) -> None:
    if sum(given is not None for given in (python, prefix, inventory)) > 1:
        raise typer.BadParameter("give one of --python, --prefix and --inventory")
    if as_json and output == _STDOUT:
        raise typer.BadParameter("--json and -o - would both write to standard output")
