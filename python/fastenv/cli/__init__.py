"""The command line: a file a command; each parses, calls a verb, and prints.

A command's file has one function of the command's name, which click's decorators make a command. It raises
FastenvError and does not catch it: messages and exit statuses are made in ``main``, once, for all. What a
program would read goes to standard output, what a person reads while waiting to standard error.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line with the arguments of this process; does not return."""
    if sys.argv[1:2] in (["exec"], ["store"], ["probe"]):
        # Before anything else is imported: exec is what every worker of a cluster starts with.
        from fastenv.cli.node import become

        become(sys.argv[1:])
    from fastenv.cli.app import run

    run(sys.argv[1:])
