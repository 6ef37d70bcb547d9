"""``fastenv materialize``: make the environment of a lock and print its prefix."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

import fastenv
from fastenv.materialize import LinkMode
from fastenv.progress import show

__all__ = ["materialize"]


def materialize(
    lock: Annotated[Path, typer.Argument(metavar="LOCK", help="pylock.fastenv.toml")],
    *,
    root: Annotated[
        Path | None,
        typer.Option(help="The root of the store.", show_default="$FASTENV_ROOT, else the best local disk"),
    ] = None,
    prefix: Annotated[
        Path | None, typer.Option(help="Where the environment goes.", show_default="into the store")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="The interpreter.", show_default="found by what the lock says")
    ] = None,
    link_mode: Annotated[
        LinkMode, typer.Option(help="How files come out of the store into the environment.")
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that unpack and link.", show_default="one a processor"),
    ] = None,
    connections: Annotated[
        int | None, typer.Option(min=1, help="Connections to indexes at once.", show_default="16")
    ] = None,
    durable: Annotated[
        bool, typer.Option("--durable", help="Write all to disk before the environment appears.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse another build of the same interpreter.")
    ] = False,
    allow_missing_libs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[=NAME]",
            help="Go on where this node lacks this library that the environment needs, or any; may be repeated.",
        ),
    ] = None,
    compile: Annotated[  # noqa: A002 # the option's name
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            help="Make byte code now and wait for it, or neither link nor make any.",
            show_default="in the background",
        ),
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="PAGE.HTML", help="Write a page that shows what was done when.")
    ] = None,
    override_virtual: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VERSION",
            help="What the node has, where it is not what is found: __cuda=12.4; may be repeated.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Make the environment of a lock, and print its prefix."""
    overrides = _overrides(override_virtual or ())
    allowed = _libraries(allow_missing_libs or ())
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
        raise typer.BadParameter(str(error), param_hint="--override-virtual") from error
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
            raise typer.BadParameter(
                f"{name!r} is no name of a library, as libX11.so.6 is", param_hint="--allow-missing-libs"
            )
    return names


def _overrides(texts: Iterable[str]) -> dict[str, str]:
    """Names and values; the core judges them."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.startswith("__"):
            raise typer.BadParameter(f"{text!r} is not like __cuda=12.4", param_hint="--override-virtual")
        found[name] = value
    return found
