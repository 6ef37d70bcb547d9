"""What no index has: a package that is edited, one from a Git repository, and a loose module."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["install_local_code", "loose_code", "texts"]

SOURCES = Path(__file__).resolve().parent / "local"


def texts() -> str:
    """All of its text: when that changes, the reference environment is made anew."""
    files = sorted(path for path in SOURCES.rglob("*") if path.suffix in (".py", ".toml", ".json", ".txt"))
    return "".join(f"# {path.name}\n{path.read_text()}" for path in files)


def install_local_code(pip: list[str | Path], room: Path) -> None:
    """Copy the sources into ``room`` and install them: one editable, the other from its repository; the
    loose module is not installed.
    """
    for name in ("weights", "rounding", "notebook"):
        shutil.rmtree(room / name, ignore_errors=True)
        shutil.copytree(SOURCES / name, room / name)
    wanted = list(_wanted(room))
    subprocess.run([*pip, "install", "--disable-pip-version-check", "--no-compile", *wanted], check=True)


def loose_code(room: Path) -> str:
    """The folder with the loose module, as a notebook has one."""
    return str(room / "notebook")


def _wanted(room: Path) -> Iterator[str]:
    yield from ("--editable", str(room / "weights"))
    repository = room / "rounding"
    if shutil.which("git") is None:
        yield str(repository)
        return
    git = ["git", "-C", str(repository), "-c", "user.name=demo", "-c", "user.email=demo@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Rounding"]):
        subprocess.run([*git, *words], check=True)
    yield f"git+{repository.as_uri()}"
