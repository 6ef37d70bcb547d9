"""The files of a source tree that belong to it, and a copy of them to build in.

With git: what is tracked, and what is neither tracked nor ignored. Without: everything but what builds, tools and
version control leave behind. A build must not happen in the user's tree: what an earlier one left there gets into
the wheel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastenv.git import told_by_git
from fastenv.tree import files_below

__all__ = ["Snapshot", "take_snapshot"]

_LEFT_BEHIND = frozenset(
    {
        *("build", "dist", "__pycache__", "node_modules", "venv", "env", "htmlcov"),
        *(".git", ".hg", ".svn", ".bzr", ".tox", ".nox", ".venv", ".eggs", ".idea", ".vscode"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".ipynb_checkpoints", ".cache"),
    }
)
_SETTINGS = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class Snapshot:
    """A source tree as it is now.

    ``folder`` is the project's; ``top`` that of the repository, or of the part of it that is taken; ``files`` are
    relative to ``top``, sorted. ``git_dir`` and ``head`` (a commit) are empty without git.
    """

    folder: str
    top: str
    files: tuple[str, ...]
    git_dir: str = ""
    head: str = ""

    @property
    def below(self) -> str:
        """Where the project is, relative to ``top``; "." at the top."""
        return os.path.relpath(self.folder, self.top)

    def facts(self, digests: Mapping[str, str]) -> Iterator[str]:
        """Lines that differ when the tree does: commit, and of each file its name, mode and sha256."""
        yield f"head {self.head}\nbelow {self.below}\n"
        for name, mode in zip(self.files, self.modes(), strict=True):
            yield f"{digests[name]} {mode} {name}\n"

    def modes(self) -> str:
        """A letter for each file: "x" for what can be executed, else "-". Raises OSError."""
        modes = (os.stat(f"{self.top}/{name}").st_mode for name in self.files)
        return "".join("x" if mode & 0o100 else "-" for mode in modes)

    def source_digest(self, digests: Mapping[str, str]) -> str:
        """The sha256 (hex) over what the tree holds, wherever it is and whatever its history: a sorted line a file, of
        its sha256, mode and path below the project's folder.
        """
        rows = zip(self.files, self.modes(), strict=True)
        lines = [
            f"{digests[name]} {mode} {os.path.relpath(f'{self.top}/{name}', self.folder)}\n"
            for name, mode in rows
        ]
        text = "".join(sorted(lines))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def digests(self, digest: Callable[[str], str]) -> dict[str, str]:
        """The sha256 (hex) of each file, as ``digest`` tells it. Raises OSError."""
        return {name: digest(f"{self.top}/{name}") for name in self.files}

    def copy_to(self, room: Path) -> Path:
        """Copy the files below ``room``; the project's folder in it.

        Tools that ask git for the version or for what is tracked are led to the repository itself.
        """
        for name in self.files:
            target = room / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(f"{self.top}/{name}", target)
        if self.git_dir:
            (room / ".git").write_text(
                f"gitdir: {self.git_dir}\n", encoding="utf-8", errors="surrogateescape"
            )
        project = room / self.below
        project.mkdir(parents=True, exist_ok=True)
        return project


def take_snapshot(folder: str, environ: Mapping[str, str]) -> Snapshot:
    """The tree of the project in ``folder``. Raises OSError."""
    folder = os.path.realpath(folder)
    return _by_git(folder, environ) or Snapshot(folder, folder, tuple(sorted(_walk(folder))))


def _by_git(folder: str, environ: Mapping[str, str]) -> Snapshot | None:
    """What git says; None where there is no git, or where it knows the folder only as ignored."""
    asked = ("rev-parse", "--show-toplevel", "--absolute-git-dir")
    # without a commit there is no HEAD, and git says nothing else either
    told = told_by_git(folder, environ, *asked, "HEAD") or told_by_git(folder, environ, *asked)
    if not told:
        return None
    top, git_dir, *rest = told.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
    part = top if _looks_outside(folder) else folder
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = told_by_git(part, environ, *words) or b""
    names = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    files = {
        os.path.relpath(f"{part}/{name}", top) for listed_name in names for name in _there(part, listed_name)
    }
    own = {os.path.relpath(f"{folder}/{name}", top) for name in _there_of(folder, _SETTINGS)}
    if not files or not own <= files:
        return None
    return Snapshot(folder, top, tuple(sorted(files)), git_dir, rest[0] if rest else "")


def _there_of(folder: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if os.path.isfile(f"{folder}/{name}")]


def _looks_outside(folder: str) -> bool:
    """Whether the project's settings speak of what is above its folder."""
    for name in _SETTINGS:
        try:
            text = Path(folder, name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if '"..' in text or "'.." in text or "../" in text:
            return True
    return False


def _there(folder: str, name: str) -> Iterator[str]:
    """A listed name, if it is a file that is there; the files of a submodule, or of a folder that a link leads to."""
    path = f"{folder}/{name}".rstrip("/")
    if os.path.isfile(path):
        yield name
    elif os.path.isdir(path) and not _leads_away(path, folder):
        yield from (f"{name.rstrip('/')}/{below}" for below in _walk(path, folder))


def _walk(folder: str, top: str = "") -> Iterator[str]:
    """The files below ``folder``, which is part of the tree at ``top``."""

    def is_passed(place: str, name: str) -> bool:
        return _is_left_behind(place, name) or _leads_away(place, top or folder)

    return (path for path in files_below(folder, is_passed) if not path.endswith(".pyc"))


def _is_left_behind(place: str, name: str) -> bool:
    return (
        name in _LEFT_BEHIND
        or name.endswith((".egg-info", ".dist-info"))
        or os.path.isfile(f"{place}/pyvenv.cfg")
    )


def _leads_away(place: str, top: str) -> bool:
    """Whether a link leads out of the tree, to what is no package: most likely to data, of any size."""
    if not os.path.islink(place) or os.path.isfile(f"{place}/__init__.py"):
        return False
    return os.path.commonpath([os.path.realpath(place), os.path.realpath(top)]) != os.path.realpath(top)
