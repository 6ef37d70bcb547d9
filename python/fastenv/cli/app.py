"""All commands together, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NoReturn

import click

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


class _Commands(click.Group):
    """The commands as a user meets them, not by name; an interrupt ends them without click's word."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # the name is click's
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)


def _app(arguments: list[str]) -> click.Group:
    """The command asked for; all of them if none is, for the help page."""
    app = _Commands(
        help="The environment you have here, on every node of the cluster, exactly.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    asked = [name for name in _COMMANDS if arguments[:1] == [name]]
    for name in asked or _COMMANDS:
        word = name.replace("-", "_")
        app.add_command(getattr(import_module(f"fastenv.cli.{word}"), word), name)
    version = click.version_option(
        package_name="fastenv", message="%(prog)s %(version)s", help="Print the version."
    )
    return version(app)
