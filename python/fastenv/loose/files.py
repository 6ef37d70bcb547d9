"""Which files of a folder of loose code are shipped.

All that lies there, but what git ignores, what the rules exclude, what looks like a secret, and what is never code:
repositories, virtual environments, caches, metadata of installations, and locks of ours.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fastenv.exceptions import FileSystemError
from fastenv.git import told_by_git
from fastenv.loose.patterns import Patterns
from fastenv.tree import files_below

__all__ = ["ODD", "Choice", "Found", "Rule", "choose_files", "choose_named"]

ODD = "no archive can have its name"

_NEVER = frozenset(
    (
        *(
            ".git",
            ".hg",
            ".svn",
            ".bzr",
            "CVS",
            "node_modules",
            "site-packages",
            "__pycache__",
            "__pypackages__",
        ),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".eggs", ".cache"),
        *(".ipynb_checkpoints", ".venv", ".idea", ".vscode", ".pixi", ".direnv", "pylock.fastenv.d"),
    )
)
"""Folders that are not looked into, whatever the rules say."""
_METADATA = (".egg-info", ".dist-info", ".egg-link")
_SECRETS = Patterns(
    (
        *(
            ".env",
            ".env.*",
            "*.env",
            ".envrc",
            ".netrc",
            "_netrc",
            ".pypirc",
            ".git-credentials",
            ".htpasswd",
        ),
        *("*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"),
        *(".aws/", ".ssh/", ".gnupg/", ".kube/", ".docker/", ".azure/", "credentials.json", "secrets.toml"),
        *("client_secret*.json", "service-account*.json", "service_account*.json", "kaggle.json"),
    )
)
_OF_LOCKS = Patterns(("pylock.toml", "pylock.*.toml"))
_ENVIRONMENT = re.compile(r"(.+?)/(?:pyvenv\.cfg|conda-meta/.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """What the user says: ``exclude`` goes before ``include``, and both before all else."""

    include: Patterns = field(default_factory=lambda: Patterns(()))
    exclude: Patterns = field(default_factory=lambda: Patterns(()))


@dataclass(frozen=True, slots=True)
class Found:
    """One file to ship: its path relative to the folder, where it lies, bytes, and whether it may be run.

    ``content`` is what is shipped in place of what the file holds.
    """

    path: str
    file: str
    size: int
    executable: bool
    content: bytes | None = None


@dataclass(slots=True)
class Choice:
    """What is shipped of a folder, sorted by path; and what is not: files that look like secrets, and those whose names
    no archive can have.
    """

    files: list[Found] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    def add(self, folder: str, path: str) -> None:
        """Take in a file that may be shipped. Raises FileSystemError if it can't be read."""
        if "\\" in path or any(ord(letter) < ord(" ") or "\ud800" <= letter <= "\udfff" for letter in path):
            self.odd.append(path)
            return
        found = _found(folder, path)
        if found is not None:
            self.files.append(found)


def choose_files(folder: str, rule: Rule, *, is_part: Callable[[str], bool] = lambda _: True) -> Choice:
    """The files of ``folder`` to ship. ``is_part`` says of a relative path whether it is loose at all.

    Raises FileSystemError for what can't be read.
    """
    listed = _listed_by_git(folder)
    paths = _walk(folder) if listed is None or rule.include.lines else iter(sorted(listed))
    ignored = _Ignored(folder) if listed is None else None
    choice = Choice()
    for path in paths:
        if not is_part(path) or _is_never(path) or rule.exclude.match(path):
            continue
        if not rule.include.match(path):
            if _OF_LOCKS.match(path):
                continue
            if listed is not None and path not in listed:
                continue
            if ignored is not None and ignored.match(path):
                continue
            if _SECRETS.match(path):
                choice.secrets.append(path)
                continue
        choice.add(folder, path)
    choice.files.sort(key=lambda it: it.path.encode())
    return choice


def choose_named(folder: str, name: str, rule: Rule) -> Choice:
    """A file, or the files of a folder, at the relative path ``name`` below ``folder``, whatever git says of them: they
    were put there on purpose. Raises FileSystemError for what can't be read.
    """
    choice = Choice()
    for path in _walk(folder, f"{name}/") if os.path.isdir(f"{folder}/{name}") else (name,):
        if _is_never(path) or rule.exclude.match(path):
            continue
        if _SECRETS.match(path) and not rule.include.match(path):
            choice.secrets.append(path)
            continue
        choice.add(folder, path)
    return choice


def _is_never(path: str) -> bool:
    *folders, name = path.split("/")
    return not _NEVER.isdisjoint(folders) or any(part.endswith(_METADATA) for part in (*folders, name))


def _found(folder: str, path: str) -> Found | None:
    """The file behind a path; None for what has no bytes to ship."""
    file = f"{folder}/{path}"
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return None  # a link that leads nowhere, or deleted and still in git's index
    except OSError as error:
        raise FileSystemError(f"{file} cannot be read: {error.strerror}", path=file) from error
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(path, file, status.st_size, bool(status.st_mode & stat.S_IXUSR))


def _walk(folder: str, below: str = "") -> Iterator[str]:
    """Paths of the files below a part of ``folder``, in order, but for those of environments."""
    here = f"{folder}/{below}".rstrip("/")
    if below and _holds_environment(here):
        return
    inner = files_below(here, lambda place, name: name in _NEVER or _holds_environment(place))
    try:
        yield from (f"{below}{path}" for path in inner)
    except OSError as error:
        place = str(error.filename or here)
        raise FileSystemError(f"{place} cannot be read: {error.strerror}", path=place) from error


def _listed_by_git(folder: str) -> set[str] | None:
    """What git tracks in a folder or would, those of repositories in it included; None where git does not say."""
    if _git(folder, "check-ignore", "--quiet", ".") is not None:
        return None  # somebody's choice for the repository says nothing about a folder of the search path
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    answer = _git(folder, *words)
    if answer is None:
        return None
    found = set()
    for path in filter(None, answer.split("\0")):
        if path.endswith("/") or os.path.isdir(f"{folder}/{path}"):
            bare = path.rstrip("/")
            if bare.rpartition("/")[2] in _NEVER or _holds_environment(f"{folder}/{bare}"):
                continue
            inner = _listed_by_git(f"{folder}/{bare}") if path.endswith("/") else None
            names = _walk(f"{folder}/{bare}") if inner is None else inner
            found |= {f"{bare}/{name}" for name in names}
        else:
            found.add(path)
    marks = (_ENVIRONMENT.fullmatch(path) for path in found)
    environments = tuple({f"{mark[1]}/" for mark in marks if mark is not None})
    return {path for path in found if not path.startswith(environments)}


def _holds_environment(folder: str) -> bool:
    try:
        return not {"pyvenv.cfg", "conda-meta"}.isdisjoint(os.listdir(folder))
    except OSError:
        return False


def _git(folder: str, *words: str) -> str | None:
    """What git writes; None if there is no git, no repository, or it says no."""
    told = told_by_git(folder, os.environ, *words)
    return None if told is None else os.fsdecode(told)


class _Ignored:
    """The .gitignore files of a folder without git, each for what is below it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._by_folder: dict[str, Patterns] = {}

    def match(self, path: str) -> bool:
        parts = path.split("/")
        heads = ["/".join(parts[:end]) for end in range(len(parts))]
        return any(self._of(head).match(path[len(head) :].lstrip("/")) for head in heads)

    def _of(self, folder: str) -> Patterns:
        if folder not in self._by_folder:
            file = Path(self._folder, folder, ".gitignore")
            try:
                lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
            except OSError:
                lines = []
            self._by_folder[folder] = Patterns(tuple(lines))
        return self._by_folder[folder]
