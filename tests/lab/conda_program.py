"""conda itself, of the archive among the conda data, on an interpreter with what it imports (``conda.txt``).

Let it look at copies only: its loader removes records of packages that something else has written over.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import zstandard

from tests.lab.conda_data import by_name
from tests.lab.sets import pinned
from tests.lab.venv import install, make_venv

__all__ = ["CondaProgram"]

ARCHIVE = "conda-25.11.1-py313h06a4308_0.conda"  # all of it is Python, and needs 3.10


class CondaProgram:
    """conda, unpacked below ``folder``, with a home of its own there."""

    def __init__(self, folder: Path) -> None:
        wheels = pinned(Path(__file__).with_name("conda.txt"), "conda")
        self._python = make_venv(folder / "python")
        install(self._python, *map(str, wheels))
        self._environ = {
            "PATH": os.defpath,
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(_unpack(folder / "conda") / "lib/python3.13/site-packages"),
            # It starts ten times, each time a thousand modules.
            "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
        }

    def tells(self, *words: str | Path) -> Any:
        """What a command says with ``--json``."""
        return json.loads(self.says(*words, "--json"))

    def says(self, *words: str | Path) -> str:
        """What a command says."""
        return self.runs("-m", "conda", *words)

    def runs(self, *words: str | Path) -> str:
        """What its Python says."""
        command = [self._python, *words]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _unpack(folder: Path) -> Path:
    (archive,) = by_name([ARCHIVE])
    with zipfile.ZipFile(archive.path) as outer:
        name = next(name for name in outer.namelist() if name.startswith("pkg-"))
        inner = zstandard.ZstdDecompressor().stream_reader(outer.read(name)).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as tar:
        for member in tar:
            if member.isfile():
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                assert content is not None
                path.write_bytes(content.read())
    return folder
