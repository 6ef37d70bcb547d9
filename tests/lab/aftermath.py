"""What a user may expect after any fault, once: the next run gives the right tree, and nothing else is left."""

from __future__ import annotations

import marshal
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.lab import Lab
from tests.lab.processes import wait_for_end
from tests.lab.records import record_faults
from tests.lab.trees import Listing, differences, listing

__all__ = ["Aftermath", "byte_code_faults", "leftovers", "remove"]


@dataclass
class Aftermath:
    """A lock, the listing of the environment that it must give, and the lab that it is made in."""

    lab: Lab
    lock: Path
    expected: Listing

    @classmethod
    def of(cls, lab: Lab, *wheels: Path, name: str = "reference") -> Aftermath:
        """That of a lock of these wheels; ``name`` is that of the environment it is held against."""
        lock = lab.lock(*wheels, name=f"{name}.toml")
        return cls(lab, lock, listing(lab.reference(*wheels, name=name)))

    def heals(self, *options: object, prefix: Path | None, env: dict[str, str] | None = None) -> Path:
        """Runs once more, in the store if there is no ``prefix``: all must be right then."""
        where = [] if prefix is None else ["--prefix", prefix]
        done = self.lab.run("materialize", self.lock, *where, *options, env=env)
        assert done.code == 0, done.err
        made = Path(done.out.rstrip("\n"))
        wait_for_end(self.lab.root)
        self.is_right(made)
        assert leftovers(self.lab, made) == []
        assert store_faults(self.lab) == ""
        return made

    def is_right(self, prefix: Path) -> None:
        """The tree at ``prefix`` is the one that was locked, to the last byte."""
        assert differences(prefix, self.expected) == []
        assert record_faults(prefix) == []
        assert byte_code_faults(prefix) == []
        verified = self.lab.run("verify", prefix, "--full")
        assert (verified.code, verified.out) == (0, ""), verified


def leftovers(lab: Lab, *prefixes: Path) -> list[str]:
    """What runs have left that have ended, but for files that a later run goes on with."""
    left = [path for path in lab.residue() if not path.endswith(".part")]
    beside = {path.parent for path in prefixes}
    return left + [str(p) for folder in beside for p in folder.glob(".*.fastenv.*") if str(p) not in left]


def byte_code_faults(prefix: Path) -> list[str]:
    """Byte code that an interpreter would choke on: a file that is not whole."""
    faults = []
    for path in prefix.rglob("*.pyc"):
        try:
            marshal.loads(path.read_bytes()[16:])  # noqa: S302 (what the interpreter does)
        except (ValueError, EOFError, TypeError) as fault:
            faults.append(f"{path}: {fault}")
    return faults


def store_faults(lab: Lab) -> str:
    """What ``store verify`` says that is wrong."""
    done = lab.run("store", "verify")
    return "" if done.code == 0 else done.out + done.err


def remove(path: Path) -> None:
    """Removes a tree whose directories may be read-only."""
    for folder in _folders(path):
        folder.chmod(0o700)
    shutil.rmtree(path, ignore_errors=not path.exists())


def _folders(path: Path) -> Iterator[Path]:
    if path.is_dir():
        path.chmod(0o700)
    for folder, folders, _ in os.walk(path):
        for name in folders:
            inside = Path(folder, name)
            if not inside.is_symlink():
                yield inside
