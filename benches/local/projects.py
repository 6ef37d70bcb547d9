"""Source trees as people have them: a package below ``src``, built by setuptools, in a Git repository."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["FIRST_VALUE", "edit", "make_projects"]

MODULES = 40
FIRST_VALUE = 1_000_000  # those that follow it are as long
PYPROJECT = """
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
"""
MODULE = '''"""Module {number} of {name}."""


def value() -> int:
    """What a test asks for."""
    return {number}
'''


def make_projects(folder: Path, count: int, env: Mapping[str, str]) -> Sequence[Path]:
    """``count`` projects below ``folder``, each of 40 modules and committed."""
    return [_make(folder / f"bench-{number}", env) for number in range(count)]


def edit(project: Path, value: int) -> None:
    """Change one line of the project: ``import NAME.edited`` has this ``VALUE`` from now on."""
    (_package(project) / "edited.py").write_text(f'"""What is edited."""\n\nVALUE = {value}\n')


def _make(project: Path, env: Mapping[str, str]) -> Path:
    package = _package(project)
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT.format(name=project.name))
    (project / "README.md").write_text(f"# {project.name}\n")
    (project / ".gitignore").write_text("build/\n*.egg-info/\n__pycache__/\n")
    (package / "__init__.py").write_text("")
    for number in range(MODULES):
        (package / f"module_{number}.py").write_text(MODULE.format(number=number, name=project.name))
    edit(project, FIRST_VALUE)
    git = ["git", "-C", str(project), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for words in (["init"], ["add", "."], ["commit", "--message", "All of it"]):
        subprocess.run(
            [*git, *words, "--quiet"] if words[0] != "add" else [*git, *words], check=True, env=env
        )
    return project


def _package(project: Path) -> Path:
    return project / "src" / project.name.replace("-", "_")
