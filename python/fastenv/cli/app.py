"""All commands together, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from fastenv.exceptions import FastenvError

__all__ = ["complain", "run"]

# In the order in which a user meets them.
_COMMANDS = ("scan", "lock", "materialize", "exec", "verify", "probe", "store", "env-id", "diff", "why")
_INTERRUPTED = 130
_BARE = {"materialize": {"--allow-missing-libs": "--allow-missing-libs=*"}}
"""By command: options that have a meaning without a value, which click can't have of one that may be repeated."""


def run(arguments: list[str]) -> NoReturn:
    """Run the command that ``arguments`` begin with, and exit with its status."""
    try:
        bare = _BARE.get(next(iter(arguments), ""), {})
        words = [bare.get(word, word) for word in arguments]
        _app(arguments)(args=words, prog_name="fastenv")
    except FastenvError as error:
        complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    sys.exit(0)


def complain(error: FastenvError) -> None:
    """Say on standard error what is wrong and what to do about it."""
    print(f"error: {error}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


def _app(arguments: list[str]) -> typer.Typer:
    """The command asked for; all of them if none is, for the help page."""
    app = typer.Typer(
        help="The environment you have here, on every node of the cluster, exactly.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_everywhere)
    asked = [name for name in _COMMANDS if arguments[:1] == [name]]
    for name in asked or _COMMANDS:
        word = name.replace("-", "_")
        app.command(name)(getattr(import_module(f"fastenv.cli.{word}"), word))
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"fastenv {version('fastenv')}")
        raise typer.Exit


def _everywhere(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that come before any command."""
