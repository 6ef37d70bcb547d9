"""The two locks of a set: fastenv's own, and the same file under a name that uv takes for a pylock.

``fastenv lock`` makes it of an environment that uv has installed from an index of just these wheels. The files are
then served from other addresses, at another port each time, so the lock is kept with a mark in their place.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benches.against.disk import Disks
from benches.against.environ import environ
from tests.lab.index_server import IndexServer
from uv import find_uv_bin

__all__ = ["Locks", "made_lock"]

MARK = "http://index.invalid/files/"


class Locks:
    """Writes the locks of one set for any address of the files."""

    def __init__(self, name: str, template: str, folder: Path) -> None:
        self._name = name
        self._template = template
        self._folder = folder

    def ours(self, base: str) -> Path:
        """For fastenv."""
        return self._write("pylock.fastenv.toml", base)

    def peer(self, base: str) -> Path:
        """For uv: the very same text."""
        return self._write(f"pylock.{self._name}.toml", base)

    def _write(self, name: str, base: str) -> Path:
        place = self._folder / hashlib.sha256(base.encode()).hexdigest()[:8]
        place.mkdir(parents=True, exist_ok=True)
        path = place / name
        path.write_text(self._template.replace(MARK, base))
        return path


def made_lock(name: str, wheels: Sequence[Path], disks: Disks, folder: Path) -> str:
    """The text of the lock with the mark for addresses, made by ``fastenv lock`` or kept from an earlier run."""
    sizes = "".join(f"{wheel.name} {wheel.stat().st_size}\n" for wheel in wheels)
    key = hashlib.sha256(f"{sys.version} {platform.platform()}\n{sizes}".encode()).hexdigest()[:16]
    kept = folder / f"{name}-{key}.toml"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with disks.fresh() as disk:
            text = _lock(wheels, disk)
        part = kept.with_suffix(".part")
        part.write_text(text)
        part.replace(kept)
    return kept.read_text()


def _lock(wheels: Sequence[Path], disk: Path) -> str:
    served, out = disk / "wheels", disk / "pylock.fastenv.toml"
    served.mkdir()
    for wheel in wheels:
        (served / wheel.name).symlink_to(wheel)
    env = {**environ(disk / "home"), "UV_CACHE_DIR": str(disk / "uv")}
    venv, pins = disk / "env", [f"{name}=={version}" for name, version in map(_pin, wheels)]
    with IndexServer(served) as index:
        env |= {"UV_DEFAULT_INDEX": index.url, "FASTENV_PUBLIC_INDEXES": f"{index.url} {index.files_url}"}
        uv = find_uv_bin()
        _quietly([uv, "venv", "--python", base_python(), venv], env)
        _quietly([uv, "pip", "install", "--python", venv, "--no-deps", *pins], env)
        _quietly([sys.executable, "-m", "fastenv", "lock", "--python", venv / "bin/python", "-o", out], env)
        return out.read_text().replace(index.files_url, MARK)


def _pin(wheel: Path) -> tuple[str, str]:
    name, version, *_ = wheel.name.split("-")
    return name, version


def _quietly(command: Sequence[str | Path], env: dict[str, str]) -> None:
    ended = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {ended.stderr[-2000:]}")


def base_python() -> str:
    """The interpreter that this virtual environment was made with."""
    return str(getattr(sys, "_base_executable", sys.executable))
