"""``fastenv materialize``: make the environment of a lock and print its prefix."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import click

import fastenv
from fastenv.cli.parameter import PATH, Argument, Command
from fastenv.materialize import LinkMode
from fastenv.progress import show

__all__ = ["materialize"]


@click.command("materialize", cls=Command)
@click.argument("lock", type=PATH, metavar="LOCK", cls=Argument, said="pylock.fastenv.toml")
@click.option(
    "--root", type=PATH, help="The root of the store.", show_default="$FASTENV_ROOT, else the best local disk"
)
@click.option("--prefix", type=PATH, help="Where the environment goes.", show_default="into the store")
@click.option("--python", type=PATH, help="The interpreter.", show_default="found by what the lock says")
@click.option(
    "--link-mode",
    type=click.Choice(get_args(LinkMode)),
    default="auto",
    show_default=True,
    help="How files come out of the store into the environment.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Threads that unpack and link.",
    show_default="one a processor",
)
@click.option(
    "--connections", type=click.IntRange(min=1), help="Connections to indexes at once.", show_default="32"
)
@click.option("--durable", is_flag=True, help="Write all to disk before the environment appears.")
@click.option("--strict", is_flag=True, help="Refuse another build of the same interpreter.")
@click.option(
    "--allow-missing-libs",
    multiple=True,
    metavar="[=NAME]",
    help="Go on where this node lacks this library that the environment needs, or any; may be repeated.",
)
@click.option(
    "--compile/--no-compile",
    default=None,
    help="Make byte code now and wait for it, or neither link nor make any.",
    show_default="in the background",
)
@click.option(
    "--timeline", type=PATH, metavar="PAGE.HTML", help="Write a page that shows what was done when."
)
@click.option(
    "--override-virtual",
    multiple=True,
    metavar="NAME=VERSION",
    help="What the node has, where it is not what is found: __cuda=12.4; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def materialize(
    lock: Path,
    *,
    root: Path | None,
    prefix: Path | None,
    python: Path | None,
    link_mode: LinkMode,
    jobs: int | None,
    connections: int | None,
    durable: bool,
    strict: bool,
    allow_missing_libs: tuple[str, ...],
    compile: bool | None,  # noqa: A002 # the option's name
    timeline: Path | None,
    override_virtual: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the environment of a lock, and print its prefix."""
    overrides = _overrides(override_virtual)
    allowed = _libraries(allow_missing_libs)
    try:
        with show("materialize", as_json=as_json) as on_event:
            report = fastenv.materialize(
                lock,
                root=root,
                prefix=prefix,
                python=python,
                link_mode=link_mode,
                jobs=jobs,
                connections=connections,
                durable=durable,
                strict=strict,
                allow_missing_libs=allowed,
                compile=compile,
                timeline=timeline,
                override_virtual=overrides,
                on_event=on_event,
            )
    except ValueError as error:  # the core has judged the only words that are not judged here
        raise click.BadParameter(str(error), param_hint="--override-virtual") from error
    if as_json:
        done = {
            "event": "done",
            "prefix": str(report.prefix),
            "env_id": report.env_id,
            "packages": report.packages,
            "fetched_bytes": report.fetched_bytes,
            "reused": report.reused,
        }
        print(json.dumps(done))
    else:
        print(report.prefix)


def _libraries(texts: Iterable[str]) -> list[str]:
    """Names of libraries; ``*`` for all, which is what the option without a name is turned into."""
    names = [name for text in texts for name in text.split(",")]
    for name in names:
        if name != "*" and ".so" not in name:
            raise click.BadParameter(
                f"{name!r} is no name of a library, as libX11.so.6 is", param_hint="--allow-missing-libs"
            )
    return names


def _overrides(texts: Iterable[str]) -> dict[str, str]:
    """Names and values; the core judges them."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.startswith("__"):
            raise click.BadParameter(f"{text!r} is not like __cuda=12.4", param_hint="--override-virtual")
        found[name] = value
    return found
