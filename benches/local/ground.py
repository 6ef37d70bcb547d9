"""What all rows share: the index, the environments that are locked, and the two commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benches.against.environ import environ
from benches.against.locks import base_python
from benches.against.process import Run, run
from tests.lab.index_server import IndexServer
from uv import find_uv_bin

from fastenv import node_program

__all__ = ["Ground", "Home"]


@dataclass(frozen=True)
class Home:
    """A user: what is remembered between two locks is in the home."""

    folder: Path
    index: IndexServer

    @property
    def env(self) -> dict[str, str]:
        """The variables of one whose only index this is, and can be had by every node."""
        own = environ(self.folder)
        told = {"UV_DEFAULT_INDEX": self.index.url, "UV_CACHE_DIR": f"{self.folder}/uv"}
        return {**own, **told, "FASTENV_PUBLIC_INDEXES": f"{self.index.url} {self.index.files_url}"}

    def lock(self, python: Path, name: str = "lock") -> Run:
        """``fastenv lock``, the whole process."""
        command = [sys.executable, "-m", "fastenv", "lock", "--python", str(python)]
        return self.run([*command, "-o", str(self.locked(name))])

    def locked(self, name: str = "lock") -> Path:
        """The lock that ``lock`` writes."""
        (self.folder / name).mkdir(exist_ok=True)
        return self.folder / name / "pylock.fastenv.toml"

    def materialize(self, name: str = "lock") -> Run:
        """``fastenv-node materialize``, into the store; its output ends with the prefix."""
        command = [str(node_program()), "materialize", str(self.locked(name)), "--no-compile"]
        return self.run([*command, "--root", str(self.folder / "root")])

    def run(self, command: Sequence[str | Path]) -> Run:
        """Any command of this user."""
        return run(command, self.env, self.folder / "log")

    def forget_recent(self) -> None:
        """As if the last lock were an hour ago: what indexes said is asked again."""
        (self.folder / ".cache/fastenv/recent-v1.json").unlink(missing_ok=True)


class Ground:
    """``folder`` is for environments and homes; it is the caller's to remove."""

    def __init__(self, folder: Path, index: IndexServer) -> None:
        self.folder = folder
        self.index = index

    def home(self, name: str) -> Home:
        """A user who has not done anything yet."""
        folder = self.folder / "homes" / name
        folder.mkdir(parents=True)
        return Home(folder, self.index)

    def environment(self, name: str, wheels: Sequence[Path], projects: Sequence[Path] = ()) -> Path:
        """The interpreter of a virtual environment with these wheels, and these projects editable in it."""
        env = Home(self.folder / "installer", self.index).env
        venv, uv = self.folder / "environments" / name, find_uv_bin()
        install = [uv, "pip", "install", "--quiet", "--python", str(venv), "--no-deps"]
        pins = ["{}=={}".format(*wheel.name.split("-")[:2]) for wheel in wheels]
        editable = [word for project in projects for word in ("--editable", str(project))]
        subprocess.run([uv, "venv", "--quiet", "--python", base_python(), venv], check=True, env=env)
        subprocess.run([*install, *pins, *editable], check=True, env=env)
        return venv / "bin/python"
