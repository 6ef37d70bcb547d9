"""Real environments, made by uv and pip from wheels made on the fly; nothing is fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uv import find_uv_bin

from fastenv.scan import Inventory, scan
from fastenv.testing import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from fastenv.scan.inventory import Distribution


@dataclass(frozen=True)
class Environment:
    """A venv, and a folder beside it for the wheels that go into it."""

    prefix: Path
    wheels: Path

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python3"  # Debian's own has no other name

    @property
    def site(self) -> Path:
        return next((self.prefix / "lib").glob("python3*/site-packages"))

    def wheel(self, name: str, version: str = "1.0", **options: Any) -> Path:
        return make_wheel(self.wheels, name, version, **options)

    def install(self, *what: str | Path) -> None:
        """By uv, which writes no byte code."""
        quiet = ["--quiet", "--no-index", "--no-deps", "--no-cache", "--link-mode", "copy"]
        command = [
            find_uv_bin(),
            "pip",
            "install",
            *quiet,
            "--python",
            str(self.python),
            *map(str, what),
        ]
        subprocess.run(command, check=True, env=clean())

    def install_by_pip(self, *what: str | Path, **extra: str) -> None:
        """By pip, which compiles, and writes rows for the byte code."""
        command = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(self.python),
            "install",
            "--quiet",
            "--compile",
        ]
        subprocess.run([*command, "--no-index", "--no-deps", *map(str, what)], check=True, env=clean(**extra))

    def scan(self, environ: dict[str, str] | None = None, **options: Any) -> Inventory:
        return scan(python=self.python, environ=clean(**(environ or {})), **options)

    def scan_one(self, name: str) -> Distribution:
        return one(self.scan(), name)


def one(inventory: Inventory, name: str) -> Distribution:
    """The distribution of that name, which must be there once."""
    (found,) = (it for it in inventory.distributions if it.name == name)
    return found


def clean(**variables: str) -> dict[str, str]:
    """The variables of this process without those that change what Python finds."""
    dropped = ("PYTHON", "PIP_", "UV_", "VIRTUAL_ENV", "CONDA", "LD_LIBRARY_PATH", "LOADEDMODULES")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)} | variables
