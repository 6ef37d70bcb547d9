"""Real environments for tests: a venv with wheels in it, and a home of its own for every tool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import uv

__all__ = ["alone", "install", "make_venv", "site_of"]


def make_venv(folder: Path, *requirements: str, links: Path | None = None, index: str | None = None) -> Path:
    """A venv on the interpreter that runs the tests, with ``requirements`` and nothing that they require.

    Returns its ``bin/python``. Wheels come from the folder ``links`` or from ``index`` alone.
    """
    # a venv's python would give a venv on a venv
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    _uv("venv", "--quiet", "--no-config", "--python", str(base), str(folder))
    python = folder / "bin" / "python"
    if requirements:
        install(python, *requirements, links=links, index=index)
    return python


def install(
    python: Path,
    *requirements: str,
    links: Path | None = None,
    index: str | None = None,
    options: tuple[str, ...] = (),
) -> None:
    """Install ``requirements`` into the venv of ``python``, and nothing that they require."""
    where = ["--no-index", "--find-links", str(links)] if index is None and links else []
    where += ["--default-index", index] if index else []
    shared = ("--quiet", "--no-config", "--no-deps", "--python", str(python))
    _uv("pip", "install", *shared, *where, *options, *requirements)


def site_of(python: Path) -> Path:
    """The site-packages of a venv."""
    return next(python.parent.parent.glob("lib/python*/site-packages"))


def alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Take the user's settings of pip and uv away: this test's are all there are."""
    for name in list(os.environ):
        if name in ("FASTENV_CONDA_DATA", "FASTENV_NO_COMPILE"):  # the tests' own, see conftest.py
            continue
        if name.startswith(("PIP_", "UV_", "XDG_", "FASTENV_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    home.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "etc"))
    monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.chdir(home)


def _uv(*words: str) -> None:
    done = subprocess.run([uv.find_uv_bin(), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
