"""Source trees that can be installed and built offline, with a history if need be."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["commit", "make_project"]

_HERE = Path(__file__).resolve().parent


def make_project(
    folder: Path,
    name: str,
    version: str | None = "1.0",
    files: Mapping[str, str] | None = None,
    *,
    root: str = ".",
    entry_points: str = "",
    tag: str = "py3-none-any",
    log: Path | None = None,
) -> Path:
    """A project in ``folder`` whose importable files lie below ``root``; see tiny_backend.py."""
    folder.mkdir(parents=True)
    dynamic = 'dynamic = ["version"]' if version is None else f'version = "{version}"'
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\n{dynamic}\n'
    )
    shutil.copy(_HERE / "tiny_backend.py", folder)
    facts = {"name": name, "version": version, "root": root, "entry_points": entry_points, "tag": tag}
    (folder / "backend.json").write_text(json.dumps({**facts, "log": None if log is None else str(log)}))
    for path, text in (files or {f"{name.replace('-', '_')}.py": "VALUE = 1\n"}).items():
        (folder / root / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / root / path).write_text(text)
    return folder


def commit(folder: Path) -> str:
    """Commit everything in ``folder``, a repository from now on; the commit's id."""
    git = ["git", "-C", str(folder), "-c", "user.email=me@example.com", "-c", "user.name=Me"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "x"]):
        subprocess.run([*git, *words], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return told.stdout.strip()
