"""The program that does fastenv's work on nodes without Python."""

import os
import sys

TYPE_CHECKING = False  # `fastenv exec` comes through here: typing and dataclasses stay unimported
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find", "node_program"]


def node_program() -> "Path":
    """Return the path of ``fastenv-node``: $FASTENV_NODE, else the one that came with this package.

    It needs x86_64 Linux with glibc 2.17 or newer, and nothing else: copy it where it is wanted.

    Raises:
        NodeUnfitError: there is none for this platform, or $FASTENV_NODE names none.
    """
    from pathlib import Path

    return Path(find())


def find() -> str:
    """As ``node_program``, without the cost of importing pathlib."""
    named = os.environ.get("FASTENV_NODE")
    if named:
        return _checked(named, hint="unset FASTENV_NODE, or let it name the program fastenv-node")
    platform = f"{sys.platform}-{os.uname().machine}"
    ours = os.path.join(os.path.dirname(__file__), "node", platform, "fastenv-node")
    return _checked(
        ours, hint=f"install fastenv again; there is a program for linux-x86_64, this is {platform}"
    )


def _checked(path: str, *, hint: str) -> str:
    if os.access(path, os.X_OK) and os.path.isfile(path):
        return path
    from fastenv.exceptions import NodeUnfitError

    raise NodeUnfitError(f"{path} is not a program", path=path, hint=hint)
