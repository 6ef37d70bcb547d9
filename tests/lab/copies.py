"""The whole way in one call: an environment is scanned, locked and made again elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from fastenv.lock import Lock, lock
from fastenv.materialize import materialize
from fastenv.scan import scan

__all__ = ["Copy", "copy_environment", "says"]


class Copy:
    """A copy and its lock; ``python`` is the copy's."""

    def __init__(self, made: Lock, prefix: Path) -> None:
        self.lock = made
        self.prefix = prefix
        self.python = prefix / "bin" / "python"

    def package(self, name: str) -> Any:
        """The lock's row of a package."""
        (found,) = (it for it in self.lock.packages if it.name == name)
        return found


def copy_environment(python: Path, folder: Path, **options: Any) -> Copy:
    """Lock the environment of ``python`` and make it again below ``folder``, which must not be there.

    The scan of the copy must have the distributions and versions of the original, and the files that the lock says.
    """
    folder.mkdir(parents=True)
    made = lock(python=python, output=folder / "pylock.fastenv.toml", **options)
    materialize(made, root=folder / "root", prefix=folder / "env")
    here, there = scan(python=python), scan(python=folder / "env" / "bin" / "python")
    assert {(it.name, it.version) for it in here.distributions} == {
        (it.name, it.version) for it in there.distributions
    }
    assert {it.name: it.files_digest for it in there.distributions} == {
        it.name: it.files_digest for it in made.packages
    }
    assert there.broken == ()
    return Copy(made, folder / "env")


def says(python: Path, code: str) -> str:
    """What a line of Python prints in an environment, far away from where this test runs and from its settings."""
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
