"""Rules of a project: what a lock leaves out, and what it takes in beside the environment.

They stand in ``[tool.fastenv]`` of ``pyproject.toml``, or in ``fastenv.toml`` (there below ``[tool.fastenv]`` or at the
top level), which is looked at first. The command line adds to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from fastenv.exceptions import FileSystemError, LockError
from fastenv.local_requirement import local_requirement
from fastenv.nearest import nearest
from fastenv.scan.installed import canonical, is_name

__all__ = ["Rules", "read_rules"]

_FILES = ("fastenv.toml", "pyproject.toml")
_CONDA = "conda:"
_COMMAND_LINE = "the command line"
_WANTED = {
    "ignore": 'names of packages: ignore = ["torch", "conda:cudatoolkit"]',
    "only": 'names of packages: only = ["my-app", "dask"]',
    "extra": 'requirements of packages for the nodes alone: extra = ["cupy-cuda12x>=13"]',
    "include": 'folders of loose code, or patterns of files in them: include = [".", "models/*.bin"]',
    "exclude": 'patterns of files of loose code: exclude = ["data/", "*.ipynb"]',
    "allow-missing-libs": 'names of libraries of the system: allow-missing-libs = ["libX11.so.6"]',
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a lock leaves out and takes in.

    ``ignore`` and ``only`` are normalized names (PEP 503), of conda packages alone ``conda:NAME``; ``extra`` are
    requirements (PEP 508), paths and Git URLs (``local_requirement``). ``include`` and ``exclude`` are as written;
    folders in ``include`` are relative to ``folder``. ``allow_missing_libs`` are sonames of libraries that a node may
    lack. ``source`` is the file that they are from, as the user would name it; empty if only the command line spoke,
    of which ``typed`` are keys and texts. Raises LockError for what is no rule, as a single text where several are
    wanted is.
    """

    ignore: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_missing_libs: tuple[str, ...] = ()
    source: str = ""
    folder: Path = Path()
    typed: frozenset[tuple[str, str]] = frozenset()

    def __post_init__(self) -> None:
        for key in ("ignore", "only", "extra", "include", "exclude", "allow_missing_libs"):
            given = getattr(self, key)
            texts = list(given) if isinstance(given, (list, tuple, set, frozenset)) else given
            word = key.replace("_", "-")
            object.__setattr__(self, key, _checked(word, texts, f"Rules: {word}", ""))

    def plus(self, **more: Iterable[str]) -> Rules:
        """These and ``more`` of the same keys, which are checked as a file's are. Raises LockError."""
        own: dict[str, Any] = {key: getattr(self, key) for key in more}
        typed = set(self.typed)
        for key, texts in more.items():
            word = key.replace("_", "-")
            checked = _checked(word, list(texts), f"--{word}", "")
            typed |= {(key, text) for text in checked if text not in own[key]}
            own[key] += checked
        return replace(self, **own, typed=frozenset(typed))

    @property
    def place(self) -> str:
        """Who speaks, for messages."""
        return self.source or _COMMAND_LINE

    def place_of(self, key: str, text: str) -> str:
        """Who says ``text`` under ``key``."""
        return _COMMAND_LINE if (key, text) in self.typed else self.place


def read_rules(config: Path | None = None, *, folder: Path | None = None) -> Rules:
    """The rules in ``config``, or in ``fastenv.toml`` or ``pyproject.toml`` of ``folder`` (default: the working one).

    Raises LockError, naming file and key, for what is no rule; FileSystemError for a file that can't be read.
    """
    if config is not None:
        return _read(config)
    where = Path.cwd() if folder is None else folder
    for name in _FILES:
        if (where / name).is_file():
            rules = _read(where / name, shown=name)
            if rules.source:
                return rules
    return Rules()


def _read(path: Path, shown: str = "") -> Rules:
    from fastenv.lock import toml  # which reads rules itself

    name = shown or str(path)
    try:
        document = toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileSystemError(
            f"the settings {name} cannot be read: {error.strerror}", path=str(path)
        ) from error
    except (UnicodeDecodeError, toml.TOMLDecodeError) as error:
        raise LockError(f"the settings {name} cannot be read: {error}", path=str(path)) from error
    tool = document.get("tool", {})
    table = tool.get("fastenv") if isinstance(tool, dict) else None
    place = "tool.fastenv."
    if table is None:
        if path.name == "pyproject.toml":
            return Rules()
        table, place = {key: value for key, value in document.items() if key != "tool"}, ""
    if not isinstance(table, Mapping):
        raise LockError(f"{name}: {place[:-1]} is {_kind(table)}, not a table", path=str(path))
    for key in table:
        if key not in _WANTED:
            raise _unknown(name, place, key, path)
    values: dict[str, Any] = {
        key.replace("-", "_"): _checked(key, value, f"{name}: {place}{key}", str(path))
        for key, value in table.items()
    }
    return Rules(**values, source=name, folder=path.parent)


def _unknown(name: str, place: str, key: str, path: Path) -> LockError:
    near = nearest(key, _WANTED)
    meant = f"; {near[0]} is" if near else ""
    return LockError(
        f"{name}: {place}{key} is no setting of fastenv{meant}",
        path=str(path),
        hint=f"there are {', '.join(sorted(_WANTED))}",
    )


def _checked(key: str, value: Any, place: str, path: str) -> tuple[str, ...]:
    hint = f"it is a list of {_WANTED[key]}"
    if not isinstance(value, list):
        raise LockError(f"{place} is {_kind(value)}, not a list", path=path or None, hint=hint)
    for item in value:
        if not isinstance(item, str) or not item.strip():
            what = "an empty text" if isinstance(item, str) else _kind(item)
            raise LockError(f"{place} has {what} in it", path=path or None, hint=hint)
    checks = {"ignore": _name, "only": _name, "extra": _requirement, "allow-missing-libs": _library}
    check = checks.get(key, _pattern)
    try:
        return tuple(check(item) for item in value)
    except ValueError as error:
        raise LockError(f"{place}: {error}", path=path or None, hint=hint) from error


def _name(text: str) -> str:
    bare = text.removeprefix(_CONDA)
    if bare != text and bare.strip("_"):
        # conda's names may begin with an underscore, and are not normalized
        return f"{_CONDA}{bare.lower()}"
    if not is_name(bare):
        raise ValueError(f"{text!r} is no name of a package")
    return canonical(bare)


def _requirement(text: str) -> str:
    if local_requirement(text) is not None:
        return text.strip()
    try:
        Requirement(text)
    except InvalidRequirement as error:
        words = str(error).splitlines()[0]
        raise ValueError(f"{text!r} is no requirement: {words}") from error
    return text


def _library(text: str) -> str:
    if ".so" not in text or any(letter.isspace() or letter in "*?[," for letter in text):
        raise ValueError(f"{text!r} is no name of a library")
    return text


def _pattern(text: str) -> str:
    if "\0" in text or "\n" in text:
        raise ValueError(f"{text!r} is no path and no pattern")
    return text


def _kind(value: object) -> str:
    names = {
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), f"a {type(value).__name__}")
