"""The lock as a value: what ``pylock.fastenv.toml`` says, read and checked.

The format is docs/lock-format.md: a PEP 751 file, with what that has no word for below ``[tool.fastenv]`` and
``[packages.tool.fastenv]``. ``compose.render`` writes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from packaging.pylock import (
    Pylock,
    PylockUnsupportedVersionError,
    PylockValidationError,
    is_valid_pylock_path,
)
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from fastenv.exceptions import FileSystemError, LockFormatError
from fastenv.lock import toml
from fastenv.lock.cache import write_atomically
from fastenv.lock.conda_settings import CondaSettings, settings_from_tables
from fastenv.lock.locked_conda import LockedConda, LockedVirtual, conda_name, from_table, virtual_from_table
from fastenv.lock.named_index import NamedIndex, named_from_table
from fastenv.lock.overlays import LockedOverlay, overlay_from_table

__all__ = [
    "FORMAT",
    "CondaSettings",
    "Ignored",
    "Lock",
    "LockedConda",
    "LockedContested",
    "LockedInterpreter",
    "LockedLibrary",
    "LockedOverlay",
    "LockedPackage",
    "LockedPlatform",
    "LockedVirtual",
    "NamedIndex",
    "compute_env_id",
]

FORMAT = 1
"""The newest ``format`` under ``[tool.fastenv]`` that this version reads, and the one that it writes."""

_AGAIN = "run `fastenv lock` again in the environment and bring the new file here"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INSTALL_PATH = re.compile(r"(site|headers|prefix)/.+", re.DOTALL)
_T = TypeVar("_T")


@dataclass(frozen=True)
class LockedPlatform:
    """What the environment is made for. ``glibc``: the oldest that every locked wheel accepts, by its tags."""

    os: str
    arch: str
    glibc: str | None = None


@dataclass(frozen=True)
class LockedInterpreter:
    """The interpreter that was scanned; ``executable`` is where it was, a hint.

    ``source`` is "conda" where a conda package of the lock is the interpreter, else "node". ``site_packages`` is
    relative to the prefix; None where it is ``lib/pythonX.Y/site-packages``.
    """

    implementation: str
    version: str
    soabi: str
    build: str
    executable: str | None = None
    source: str = "node"
    site_packages: str | None = None


@dataclass(frozen=True)
class LockedPackage:
    """One wheel. Exactly one of ``url`` and ``path`` (relative to the lock) is given; ``size`` in bytes.

    ``reason`` is why it was built or repacked here, ``commit`` the one of its repository, if it came from one;
    ``source_digest`` says what the tree held that it was built of; ``extra`` whether it is for the nodes alone.
    ``index_path`` is where in the index ``index_name``, which is not public, a node with a login of its own gets it;
    ``path`` is then where it would lie if it was brought along.
    """

    name: str
    version: str
    filename: str
    sha256: str
    url: str | None = None
    path: str | None = None
    size: int | None = None
    index: str | None = None
    origin: str = "index"
    index_name: str | None = None
    index_path: str | None = None
    reason: str | None = None
    commit: str | None = None
    requested: bool = False
    layer: str | None = None
    files_digest: str | None = None
    source_digest: str | None = None
    extra: bool = False

    @property
    def travels(self) -> bool:
        """Whether its bytes lie beside the lock."""
        return self.path is not None and self.index_path is None

    @property
    def is_made_here(self) -> bool:
        """Whether fastenv wrote the wheel: its files are not told from the RECORD that was installed."""
        return self.origin in ("built", "repacked")


@dataclass(frozen=True)
class LockedContested:
    """An install path that several packages claim, and whose bytes the environment has there.

    A wheel is named by its name, a conda package by ``conda:NAME``.
    """

    path: str
    winner: str
    claimants: tuple[str, ...]


@dataclass(frozen=True)
class LockedLibrary:
    """A library of the system that a node must have, or may lack if it is ``optional``;
    ``scan.inventory.SystemLibrary`` says what the other fields are.
    """

    name: str
    packages: tuple[str, ...]
    versions: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Ignored:
    """What the scan found and the lock leaves out; ``version`` is empty for what is no distribution."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True)
class Lock:
    """One environment, ready to be made again. ``path`` is where it was read from or written to, or None.

    ``interpreter`` and ``requires_python`` are None for an environment without python. ``virtual`` is what its conda
    packages want of a node, ``libraries`` what all packages need of its system; ``link_scripts`` whether their link
    scripts run. ``overlays`` are loose code, in the order of the search path; ``settings`` what conda keeps beside
    packages. ``indexes`` are not public, and a node must know how to log in there.
    """

    text: str = field(repr=False)
    env_id: str
    requires_python: str | None
    created_with: str
    platform: LockedPlatform
    interpreter: LockedInterpreter | None
    packages: tuple[LockedPackage, ...] = field(repr=False)
    contested: tuple[LockedContested, ...] = field(default=(), repr=False)
    ignored: tuple[Ignored, ...] = field(default=(), repr=False)
    conda: tuple[LockedConda, ...] = field(default=(), repr=False)
    virtual: tuple[LockedVirtual, ...] = field(default=(), repr=False)
    libraries: tuple[LockedLibrary, ...] = field(default=(), repr=False)
    link_scripts: bool = False
    overlays: tuple[LockedOverlay, ...] = field(default=(), repr=False)
    settings: CondaSettings = field(default=CondaSettings(), repr=False)
    indexes: tuple[NamedIndex, ...] = field(default=(), repr=False)
    path: Path | None = field(default=None, compare=False)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Lock:
        """Read a lock file.

        Raises LockFormatError where the text is no lock that we can use, FileSystemError where the file can't be read.
        """
        try:
            text = Path(path).read_bytes().decode()
        except OSError as error:
            raise FileSystemError(
                f"the lock {path} cannot be read: {error.strerror}",
                path=str(path),
                hint="give the path of a lock that `fastenv lock` wrote and that you may read",
            ) from error
        except UnicodeDecodeError as error:
            raise LockFormatError(
                f"{path} is not a lock file: {error}", path=str(path), hint=_AGAIN
            ) from error
        return cls.parse(text, path=Path(path))

    @classmethod
    def parse(cls, text: str, *, path: Path | None = None) -> Lock:
        """Read the text of a lock. Raises LockFormatError, naming ``path``."""
        return _Reader(path).lock(text)

    def write(self, path: str | os.PathLike[str]) -> Lock:
        """Write the text, whole or not at all; returns the lock with its path.

        What travels with the lock (``pylock.fastenv.d``) is not copied. Raises LockFormatError for a file name
        that PEP 751 does not allow, FileSystemError where it can't be written.
        """
        target = Path(path)
        check_name(target)
        try:
            write_atomically(target, self.text.encode())
        except OSError as error:
            raise FileSystemError(
                f"the lock {path} cannot be written: {error.strerror}", path=str(path)
            ) from error
        return Lock(**{**{name: getattr(self, name) for name in self.__dataclass_fields__}, "path": target})


def check_name(path: Path) -> None:
    """Raise LockFormatError unless uv and pip would take a file of this name for a lock (PEP 751)."""
    if not is_valid_pylock_path(path):
        raise LockFormatError(
            f"{path.name} is no name for a lock: uv and pip take only pylock.toml and pylock.NAME.toml",
            path=str(path),
            hint="NAME may have no dot: pylock.fastenv.toml",
        )


def compute_env_id(text: str) -> str:
    """The env id (sha256, hex) of what a lock's text describes, whatever it states. docs/env-id.md."""
    from fastenv import _core

    return str(_core.compute_env_id(text))


class _Reader:
    """Turns text into a Lock and says where it is at fault."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._label = "the lock" if path is None else str(path)

    def lock(self, text: str) -> Lock:
        try:
            document = toml.loads(text)
        except toml.TOMLDecodeError as error:
            raise self._fault(f"is not a lock file: {error}") from error
        tool = self._tool(document)
        self._validate(document)
        packages = tuple(self._package(raw) for raw in document["packages"])
        conda = tuple(self._convert(from_table, row, "conda") for row in self._rows(tool, "conda"))
        names = {p.name for p in packages} | {conda_name(p.name) for p in conda}
        virtual = (self._convert(virtual_from_table, row, "virtual") for row in self._rows(tool, "virtual"))
        lock = Lock(
            text=text,
            env_id=self._word(tool, "env-id", "tool.fastenv"),
            requires_python=self._maybe(document, "requires-python", str, "the top level"),
            created_with=self._word(tool, "created-with", "tool.fastenv"),
            platform=self._platform(tool),
            interpreter=self._interpreter(tool) if "interpreter" in tool or not conda else None,
            packages=packages,
            contested=tuple(self._contested(row, names) for row in self._rows(tool, "contested")),
            ignored=tuple(self._ignored(row) for row in self._rows(tool, "ignored")),
            conda=conda,
            virtual=tuple(virtual),
            libraries=tuple(self._library(row) for row in self._rows(tool, "libraries")),
            link_scripts=bool(self._maybe(tool, "link-scripts", bool, "tool.fastenv")),
            overlays=tuple(
                self._convert(overlay_from_table, row, "overlays") for row in self._rows(tool, "overlays")
            ),
            settings=self._settings(tool),
            indexes=tuple(
                self._convert(named_from_table, row, "indexes") for row in self._rows(tool, "indexes")
            ),
            path=self._path,
        )
        self._check_id(lock)
        return lock

    def _tool(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """``[tool.fastenv]``, of a format that we know."""
        tool = _below(document, "tool", "fastenv")
        packages = document.get("packages", [])
        bare = isinstance(packages, list) and any(
            isinstance(p, dict) and _below(p, "tool", "fastenv") is None for p in packages
        )
        if tool is None or "format" not in tool or bare:
            which = "[packages.tool.fastenv]" if tool is not None and "format" in tool else "[tool.fastenv]"
            raise self._fault(
                f"has no {which}: it was stripped of its fastenv tables (uv does so when it rewrites a file), or was "
                "not written by fastenv"
            )
        number = tool.get("format")
        if type(number) is not int or number < 1:
            raise self._fault(f"tool.fastenv: format {number!r} does not exist")
        if number > FORMAT:
            raise self._fault(
                f"has format {number}, this fastenv reads up to {FORMAT}",
                hint="install a newer fastenv here",
            )
        return tool

    def _validate(self, document: Mapping[str, Any]) -> None:
        try:
            Pylock.from_dict(document)
        except PylockUnsupportedVersionError as error:
            raise self._fault(f"is of a newer kind: {error}", hint="install a newer fastenv here") from error
        except PylockValidationError as error:
            raise self._fault(f"is not a valid PEP 751 lock: {error}") from error

    def _package(self, raw: Mapping[str, Any]) -> LockedPackage:
        place = f"package {raw['name']}"
        wheels = raw.get("wheels") or []
        if len(wheels) != 1 or "sdist" in raw:
            raise self._fault(
                f"{place}: it must have exactly one wheel and nothing else", package=raw["name"]
            )
        wheel, tool = wheels[0], raw["tool"]["fastenv"]
        name = wheel.get("name") or unquote(urlsplit(wheel.get("url", "")).path.rpartition("/")[2])
        self._check_wheel(raw, wheel, name)
        return LockedPackage(
            name=raw["name"],
            version=self._word(raw, "version", place),
            filename=name,
            sha256=wheel["hashes"]["sha256"],
            url=wheel.get("url"),
            path=wheel.get("path"),
            size=wheel.get("size"),
            index=raw.get("index"),
            origin=self._word(tool, "origin", place),
            index_name=self._maybe(tool, "index-name", str, place),
            index_path=self._maybe(tool, "index-path", str, place),
            reason=self._maybe(tool, "reason", str, place),
            commit=self._maybe(tool, "commit", str, place),
            requested=bool(self._maybe(tool, "requested", bool, place)),
            layer=self._maybe(tool, "layer", str, place),
            files_digest=self._maybe(tool, "files-digest", str, place),
            source_digest=self._maybe(tool, "source-digest", str, place),
            extra=bool(self._maybe(tool, "extra", bool, place)),
        )

    def _check_wheel(self, raw: Mapping[str, Any], wheel: Mapping[str, Any], name: str) -> None:
        place, package = f"package {raw['name']}", raw["name"]
        if not _SHA256.fullmatch(str(wheel["hashes"].get("sha256", ""))):
            raise self._fault(f"{place}: its wheel has no sha256 of 64 digits", package=package)
        if ("url" in wheel) == ("path" in wheel):
            raise self._fault(f"{place}: its wheel must have either a url or a path", package=package)
        path = wheel.get("path", "x")
        if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise self._fault(f"{place}: the path {path!r} does not stay beside the lock", package=package)
        try:
            parse_wheel_filename(name)
        except InvalidWheelFilename as error:
            raise self._fault(f"{place}: {error}", package=package) from error

    def _platform(self, tool: Mapping[str, Any]) -> LockedPlatform:
        table, place = self._table(tool, "platform"), "tool.fastenv.platform"
        return LockedPlatform(
            self._word(table, "os", place),
            self._word(table, "arch", place),
            self._maybe(table, "glibc", str, place),
        )

    def _interpreter(self, tool: Mapping[str, Any]) -> LockedInterpreter:
        table, place = self._table(tool, "interpreter"), "tool.fastenv.interpreter"
        return LockedInterpreter(
            implementation=self._word(table, "implementation", place),
            version=self._word(table, "version", place),
            soabi=self._word(table, "soabi", place),
            build=self._word(table, "build", place),
            executable=self._maybe(table, "executable", str, place),
            source=self._maybe(table, "source", str, place) or "node",
            site_packages=self._maybe(table, "site-packages", str, place),
        )

    def _convert(self, make: Callable[[Mapping[str, Any]], _T], row: Mapping[str, Any], key: str) -> _T:
        try:
            return make(row)
        except ValueError as error:
            name = row.get("name")
            place = f"tool.fastenv.{key}" + (f", package {name}" if isinstance(name, str) else "")
            raise self._fault(f"{place}: {error}") from error

    def _settings(self, tool: Mapping[str, Any]) -> CondaSettings:
        try:
            return settings_from_tables(tool)
        except ValueError as error:
            raise self._fault(str(error)) from error

    def _contested(self, row: Mapping[str, Any], names: set[str]) -> LockedContested:
        place = "tool.fastenv.contested"
        path, winner = self._word(row, "path", place), self._word(row, "winner", place)
        claimants = row.get("claimants")
        if not isinstance(claimants, list) or winner not in claimants:
            raise self._fault(f"{place}: {path}: the winner is not one of the claimants")
        unknown = [name for name in claimants if name not in names]
        if unknown or not _INSTALL_PATH.fullmatch(path):
            what = f"{unknown[0]} is no package of this lock" if unknown else "this is no install path"
            raise self._fault(f"{place}: {path}: {what}")
        return LockedContested(path, winner, tuple(claimants))

    def _library(self, row: Mapping[str, Any]) -> LockedLibrary:
        place = "tool.fastenv.libraries"
        lists = {}
        for key in ("packages", "versions", "folders"):
            lists[key] = value = row.get(key, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise self._fault(f"{place}: {key} is not a list of strings")
        return LockedLibrary(
            self._word(row, "name", place),
            tuple(lists["packages"]),
            tuple(lists["versions"]),
            tuple(lists["folders"]),
            optional=bool(self._maybe(row, "optional", bool, place)),
        )

    def _ignored(self, row: Mapping[str, Any]) -> Ignored:
        return Ignored(
            *(self._word(row, key, "tool.fastenv.ignored") for key in ("name", "version", "reason"))
        )

    def _check_id(self, lock: Lock) -> None:
        try:
            computed = compute_env_id(lock.text)
        except LockFormatError as error:  # the core checks more, and knows no name of the file
            raise self._fault(str(error).removeprefix("the lock")) from error
        if lock.env_id != computed:
            raise self._fault(
                f"says env id {lock.env_id or '(none)'}, but what it describes has {computed}: the file was edited"
            )

    def _rows(self, tool: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
        rows = tool.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._fault(f"tool.fastenv.{key} is not a list of tables")
        return rows

    def _table(self, tool: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        table = tool.get(key)
        if not isinstance(table, dict):
            raise self._fault(f"has no [tool.fastenv.{key}]: it was stripped of its fastenv tables")
        return table

    def _word(self, table: Mapping[str, Any], key: str, place: str) -> str:
        value = self._maybe(table, key, str, place)
        if value is None:
            raise self._fault(f"{place}: {key} is missing")
        return value

    def _maybe(self, table: Mapping[str, Any], key: str, kind: type[_T], place: str) -> _T | None:
        value = table.get(key)
        if value is not None and not isinstance(value, kind):
            raise self._fault(f"{place}: {key} is {type(value).__name__}, not {kind.__name__}")
        return value

    def _fault(self, message: str, *, hint: str = _AGAIN, package: str | None = None) -> LockFormatError:
        path = None if self._path is None else str(self._path)
        between = "" if message.startswith(":") else " "
        return LockFormatError(
            f"{self._label}{between}{message.lstrip()}", path=path, package=package, hint=hint
        )


def _below(table: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    """The table at ``keys``, or None where there is none."""
    found: Any = table
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
