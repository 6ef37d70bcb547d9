"""``fastenv-node`` as a console script, ``fastenv exec``, ``probe`` and ``store``: they become the node program."""

import os
import sys

__all__ = ["become", "main"]

_EXEC_FAILED = 125  # as of env, nohup and timeout: not the command's own status


def main() -> None:
    """Become the node program with the arguments of this process."""
    become(sys.argv[1:])


def become(arguments: list[str]) -> None:
    """Replace this process by the node program: same id, so signals and the exit status are its own."""
    from fastenv.node_program import find

    try:
        program = find()
        os.execv(program, ["fastenv-node", *arguments])
    except Exception as error:  # noqa: BLE001 # whatever it is, it was not the command's failure
        print(f"error: {error}", file=sys.stderr)
        hint = getattr(error, "hint", None)
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1) if arguments[:1] in (["store"], ["probe"]) else _EXEC_FAILED)
