"""``fastenv lock``: a URL or bytes, and a sha256, for everything that an environment holds."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from fastenv.cli.differences import tell
from fastenv.cli.parameter import PATH
from fastenv.lock import NodeCredentials
from fastenv.lock import lock as make_lock
from fastenv.lock.local_builds import OnBuildFailure
from fastenv.lock.named_index import NamedIndex, variable
from fastenv.progress import show
from fastenv.settings import read_rules

if TYPE_CHECKING:
    from fastenv.lock import Lock
    from fastenv.lock.lockfile import LockedConda, LockedPackage
    from fastenv.scan.inventory import Inventory

__all__ = ["lock"]

_STDOUT = "-"


@click.command("lock")
@click.option("--python", type=PATH, metavar="EXE", help="The environment's interpreter.")
@click.option("--prefix", type=PATH, metavar="DIR", help="Or the environment's folder.")
@click.option("--inventory", type=PATH, metavar="FILE", help="Or what `fastenv scan -o FILE` wrote.")
@click.option(
    "-o",
    "--output",
    default="pylock.fastenv.toml",
    show_default=True,
    metavar="FILE",
    help='The lock; "-" is standard output.',
)
@click.option(
    "--public-index",
    multiple=True,
    metavar="URL",
    help="An index or channel that every node can reach; may be repeated.",
)
@click.option(
    "--private-index",
    multiple=True,
    metavar="URL",
    help="An index or channel whose files travel with the lock; may be repeated.",
)
@click.option(
    "--credentials",
    type=click.Choice(get_args(NodeCredentials)),
    default="none",
    show_default=True,
    help="Of what is not public: none, the bytes travel; node, each node logs in itself.",
)
@click.option("--include-self", is_flag=True, help="Lock fastenv itself too.")
@click.option("--link-scripts", is_flag=True, help="A copy runs the link scripts of the conda packages.")
@click.option("--strict", is_flag=True, help="An error for what would be packed up from installed files.")
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Rules; ./fastenv.toml or ./pyproject.toml if not given.",
)
@click.option("--ignore", multiple=True, metavar="NAME", help="Leave this package out; may be repeated.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Lock these packages and what they require; may be repeated.",
)
@click.option(
    "--extra",
    multiple=True,
    metavar="REQUIREMENT",
    help="A package for the nodes alone; may be repeated.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="WHAT",
    help="A folder of loose code, or a pattern of files in such.",
)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Files of loose code that stay here.")
@click.option(
    "--allow-missing-libs",
    multiple=True,
    metavar="NAME",
    help="A library that a node may lack: libX11.so.6; may be repeated.",
)
@click.option("--include-cwd", is_flag=True, help="The modules in this folder are loose code, too.")
@click.option(
    "--max-loose-size",
    default="50MB",
    show_default=True,
    metavar="SIZE",
    help="How much loose code may be packed up.",
)
@click.option(
    "--check", is_flag=True, help="Only say whether the lock still fits; exit status 1 if it does not."
)
@click.option(
    "--on-build-failure",
    type=click.Choice(get_args(OnBuildFailure)),
    default="error",
    show_default=True,
    help="Of a local project: an error, its tree as it is, or leave it out.",
)
@click.option(
    "--build-timeout",
    type=click.FloatRange(min=1.0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one build may take.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def lock(
    *,
    python: Path | None,
    prefix: Path | None,
    inventory: Path | None,
    output: str,
    public_index: tuple[str, ...],
    private_index: tuple[str, ...],
    credentials: NodeCredentials,
    include_self: bool,
    link_scripts: bool,
    strict: bool,
    config: Path | None,
    ignore: tuple[str, ...],
    only: tuple[str, ...],
    extra: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    allow_missing_libs: tuple[str, ...],
    include_cwd: bool,
    max_loose_size: str,
    check: bool,
    on_build_failure: OnBuildFailure,
    build_timeout: float,
    as_json: bool,
) -> None:
    """Lock an environment: write pylock.fastenv.toml, and beside it what no public index has."""
    _check(python, prefix, inventory, output, as_json=as_json and not check)
    if math.isnan(build_timeout):  # which is below no limit
        raise click.BadParameter("nan is no time", param_hint="--build-timeout")
    folders = [str(Path.cwd())] if include_cwd else []
    words = {"ignore": ignore, "only": only, "extra": extra, "exclude": exclude}
    words["include"] = (*folders, *include)
    words["allow_missing_libs"] = allow_missing_libs
    found = None if inventory is None else _read(inventory)
    executable = python or (Path(sys.executable) if prefix is None and found is None else None)
    common: dict[str, Any] = {
        "python": executable,
        "prefix": prefix,
        "include_self": include_self,
        "rules": read_rules(config).plus(**words),
        "max_loose_size": _bytes(max_loose_size),
    }
    if check:
        from fastenv.lock.check import check_lock

        with show("lock --check") as on_event:
            found_out = check_lock(output, found, on_event=on_event, **common)
        tell(found_out, ("Lock", "Environment"), as_json=as_json, same=f"{output} fits the environment")
        return
    with show("lock", as_json=as_json) as on_event:
        made = make_lock(
            found,
            output=None if output == _STDOUT else output,
            public_indexes=public_index,
            private_indexes=private_index,
            credentials=credentials,
            link_scripts=link_scripts,
            strict=strict,
            on_build_failure=on_build_failure,
            build_timeout=build_timeout,
            on_event=on_event,
            **common,
        )
    _tell(made, output, as_json=as_json)


def _read(inventory: Path) -> Inventory:
    from fastenv.diff import read_inventory  # with what compares, which most locks do not

    return read_inventory(inventory)


def _tell(made: Lock, output: str, *, as_json: bool) -> None:
    packages: list[LockedPackage | LockedConda] = [*made.packages, *made.conda]
    travelling = sum(it.travels for it in packages)
    if as_json:
        done = {"event": "done", "lock": output, "env_id": made.env_id}
        counts = {"packages": len(packages), "travelling": travelling, "overlays": len(made.overlays)}
        print(json.dumps({**done, **counts}))
    elif output == _STDOUT:
        print(made.text, end="")
    else:
        beside = f", {travelling} of them beside it in pylock.fastenv.d" if travelling else ""
        folders = f"; loose code of {', '.join(it.name for it in made.overlays)}" if made.overlays else ""
        print(f"{output}: {len(packages)} packages{beside}{folders}", file=sys.stderr)
        for index in made.indexes:
            print(f"nodes need {_needs(index)}", file=sys.stderr)


def _needs(index: NamedIndex) -> str:
    name = variable(index.name)
    if index.url is None:
        return f"FASTENV_INDEX_{name}_URL, the URL of the index {index.name}"
    login = f"in UV_INDEX_{name}_USERNAME and UV_INDEX_{name}_PASSWORD, or in netrc"
    return f"a login for {index.url}, the index {index.name}: {login}"


def _check(
    python: Path | None, prefix: Path | None, inventory: Path | None, output: str, *, as_json: bool
) -> None:
    if sum(given is not None for given in (python, prefix, inventory)) > 1:
        raise click.BadParameter("give one of --python, --prefix and --inventory")
    if as_json and output == _STDOUT:
        raise click.BadParameter("--json and -o - would both write to standard output")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMG]?)B?", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is no size: 50MB is one", param_hint="--max-loose-size")
    return int(float(match[1]) * {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}[match[2]])
