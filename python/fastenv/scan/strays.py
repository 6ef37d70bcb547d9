"""Files that no distribution owns, and owned files that are gone.

Directories that installers write to are walked whole; other directories of the search path (a
source tree, a folder named by PYTHONPATH) are looked at on their top level only, for what can be
imported.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastenv.scan.inventory import Stray, StrayKind
from fastenv.scan.origin import directory_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.distributions import Found
    from fastenv.scan.installed import Installed
    from fastenv.scan.inventory import Interpreter, SearchPath

__all__ = ["Ownership", "Survey", "is_importable", "survey"]

_CODE = (".py", ".so", ".pyc", ".pyd")
_OF_THE_VENV = {
    "fastenv-overlays.pth": "written by fastenv for loose code",
    "_virtualenv.py": "written by the tool that made the venv",
    "_virtualenv.pth": "written by the tool that made the venv",
    "README.txt": "written by the installation of Python",
}
_OF_A_BIN = re.compile(r"(?:[Aa]ctivate|deactivate|pydoc|python|pypy)[\w.-]*")
"""What venv, virtualenv and uv write into bin/."""


_NO_PACKAGES = ("node_modules", "__pycache__", "CVS")
_SYSTEM_SITE = "/lib/python3/dist-packages"
_NOT_SEARCHED = "modules without metadata are not named, since the system's package manager was not asked"


@dataclass(slots=True)
class Ownership:
    """What belongs to somebody in one site directory.

    ``files`` and ``bytecode`` are install paths, ``trees`` top-level names owned with all below.

    ``met`` counts the files that a walk met.
    """

    files: set[str] = field(default_factory=set)
    bytecode: set[str] = field(default_factory=set)
    trees: set[str] = field(default_factory=set)
    met: int = 0
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, entry: SearchPath, found: Found, conda: CondaPrefix | None) -> Ownership:
        """All that RECORDs, top_level.txt and conda's records claim in one directory."""
        own = cls()
        for item in found.installed:
            if item.distribution.location == entry.path:
                own.add(item)
        prefix = f"{entry.path}/"
        named = [item.path for item in found.broken] + [item.path for item in found.strays]
        own.trees |= {path.removeprefix(prefix) for path in named if path.startswith(prefix)}
        if conda is not None and entry.layer == "env":
            own.files |= {f"site/{path}" for path in conda.paths}
        return own

    def add(self, item: Installed) -> None:
        """Take in what one distribution owns."""
        self.trees.add(os.path.basename(item.distribution.metadata_path))
        if item.record is not None:
            self.trees.discard(item.record.metadata_name)
            self.files.update(item.record.installs)
            self.files.difference_update([item.record.installs[at] for at in item.record.elsewhere])
            self.bytecode.update(item.record.bytecode)
        for name in item.trees:
            self.trees |= {name, f"{name}.py"}

    def is_tree(self, name: str) -> bool:
        """Whether a top-level name is owned whole; ``x.abi3.so`` belongs to the module x."""
        if name.endswith(".egg-link") or name == "easy-install.pth":
            # Of setup.py develop: what they lead to is a distribution, or broken.
            return True
        return name in self.trees or (name.endswith(".so") and name.partition(".")[0] in self.trees)


@dataclass(slots=True)
class Survey:
    """The strays; and of each directory that was walked whole, who owns what there."""

    strays: list[Stray]
    owners: dict[str, Ownership] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def missing(self, item: Installed) -> list[str]:
        """Files below the site directory that the RECORD of ``item`` names and that are gone."""
        own = self.owners.get(item.distribution.location)
        if own is None or item.record is None or own.met == len(own.files):
            return []
        place = item.distribution.location
        return sorted(
            install[5:]
            for install in item.record.installs
            if install.startswith("site/") and not os.path.lexists(f"{place}/{install[5:]}")
        )


def survey(
    entries: Sequence[SearchPath],
    found: Found,
    interpreter: Interpreter,
    conda: CondaPrefix | None,
) -> Survey:
    """Look for strays and for files that are gone in every directory of the search path.

    The standard library is not searched, nor Debian's /usr/lib/python3/dist-packages: its files
    are in the lists of the system's package manager, which are not read.
    """
    result = Survey([*found.strays, *_stray_scripts(interpreter, found.installed, conda)])
    library = {entry.path for entry in entries if "os.py" in found.listings[entry.path]}
    for entry in entries:
        if entry.path in library or entry.path.endswith("/lib-dynload"):
            continue
        if entry.path.endswith(_SYSTEM_SITE):
            result.notes.append(f"{entry.path}: {_NOT_SEARCHED}")
            continue
        own = Ownership.of(entry, found, conda)
        result.strays += _find_strays(entry, own, found)
        result.notes += own.notes
        if entry.site:
            result.owners[entry.path] = own
    return result


def _find_strays(entry: SearchPath, own: Ownership, found: Found) -> list[Stray]:
    """What nobody owns in the directory of ``entry``."""
    if not entry.site:
        return _strays_of_tree(entry, own, found)
    return [_stray(entry, path.removeprefix("site/")) for path in sorted(_walk(entry.path, "site/", own)[1])]


def _stray_scripts(
    interpreter: Interpreter, installed: Iterable[Installed], conda: CondaPrefix | None
) -> list[Stray]:
    """Files of a venv's bin/ that nobody owns; the bin/ of other prefixes serves others too."""
    if not interpreter.is_venv or conda is not None:
        return []
    folder = f"{interpreter.prefix}/bin"
    records = [item.record for item in installed if item.record is not None]
    owned = {record.installs[at] for record in records for at in record.elsewhere}
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    reason = "no distribution's RECORD names it"
    return [
        Stray(f"{folder}/{name}", "env", "script", reason)
        for name in names
        if f"prefix/bin/{name}" not in owned and name != "__pycache__" and not _OF_A_BIN.fullmatch(name)
    ]


def _walk(folder: str, below: str, own: Ownership) -> tuple[bool, list[str]]:
    """Whether anything owned is below ``folder``, and what is not.

    ``below`` is the install path of ``folder`` and "/".

    A directory without a single owned file stands for its content, with a slash at its end. Byte
    code in __pycache__ follows from its sources and is nobody's.
    """
    owned, strays = False, []
    files = own.files
    try:
        entries = os.scandir(folder)
    except OSError as error:
        own.notes.append(f"{folder} cannot be read ({error.strerror}): what it holds is not known")
        return False, []
    with entries:
        for item in entries:
            path = below + item.name
            if path in files:
                owned = True
                own.met += 1
            elif below == "site/" and own.is_tree(item.name):
                owned = True
            elif item.is_dir(follow_symlinks=False):
                if item.name == "__pycache__":
                    continue
                inner_owned, inner = _walk(item.path, f"{path}/", own)
                owned |= inner_owned
                strays += inner if inner_owned else [f"{path}/"] * bool(inner)
            elif item.is_dir() and any(name.startswith(f"{path}/") for name in files):
                # A link to a directory of owned files (flit install --symlink).
                owned, more = True, _walk(item.path, f"{path}/", own)[1]
                strays += more
            elif path not in own.bytecode:
                strays.append(path)
    return owned, strays


def _stray(entry: SearchPath, path: str) -> Stray:
    """What to call a path that nobody owns, in a site directory."""
    where = f"{entry.path}/{path}".rstrip("/")
    if path in _OF_THE_VENV:
        return Stray(where, entry.layer, "venv", _OF_THE_VENV[path])
    if path.startswith("~"):
        reason = "left by an uninstall that was interrupted (pip renames what it removes)"
        return Stray(where, entry.layer, "leftover", reason)
    if path.endswith(".pth"):
        return Stray(where, entry.layer, "file", "a .pth file that no distribution owns")
    if path.endswith((".egg/", ".egg")):
        return Stray(where, entry.layer, "file", "an egg that is not on the search path")
    kind: StrayKind = (
        "module" if path.endswith(_CODE) or (path.endswith("/") and _has_code(where)) else "file"
    )
    return Stray(where, entry.layer, kind, "no distribution's RECORD names it")


def _has_code(folder: str) -> bool:
    return any(name.endswith(_CODE) for _, _, names in os.walk(folder) for name in names)


def _strays_of_tree(entry: SearchPath, own: Ownership, found: Found) -> list[Stray]:
    """Modules on the top level of a directory that no installer wrote to."""
    if _is_source_tree(entry.path, found.installed):
        return []
    origin = f"named by {entry.added_by}" if entry.added_by else "named by PYTHONPATH"
    return [
        Stray(f"{entry.path}/{name}", entry.layer, "module", f"in a directory {origin}")
        for name in found.listings[entry.path]
        if not own.is_tree(name) and f"site/{name}" not in own.files and _is_module(entry.path, name, own)
    ]


def _is_module(folder: str, name: str, own: Ownership) -> bool:
    if any(path.startswith(f"site/{name}/") for path in own.files):
        return False
    return is_importable(folder, name)


def is_importable(folder: str, name: str) -> bool:
    """Whether ``import NAME`` would find something of that name in ``folder``: a module, a package, or a folder with
    code in it, which is a namespace package (PEP 420).
    """
    stem, dot, ending = name.partition(".")
    if not stem.isidentifier() or name in _NO_PACKAGES:
        return False
    if dot:
        return f".{ending}".endswith((".py", ".so")) and os.path.isfile(f"{folder}/{name}")
    inner = f"{folder}/{name}"
    return os.path.isfile(f"{inner}/__init__.py") or _holds_code(inner, depth=2)


def _holds_code(folder: str, depth: int) -> bool:
    """Whether there is code in a folder or a few levels below it: folders of data may be large."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return False
    if any(it.name in ("pyvenv.cfg", "conda-meta") for it in found):
        return False
    if any(it.name.endswith((".py", ".so")) for it in found):
        return True
    inner = [it.path for it in found if it.name.isidentifier() and it.is_dir()]
    return depth > 1 and any(_holds_code(path, depth - 1) for path in inner)


def _is_source_tree(path: str, installed: Sequence[Installed]) -> bool:
    """Whether the directory is (part of) the source tree of an editable installation."""
    real = f"{os.path.realpath(path)}/"
    roots = [
        directory_of(item.distribution.origin)
        for item in installed
        if item.distribution.origin.kind == "editable"
    ]
    return any(root and real.startswith(f"{os.path.realpath(root)}/") for root in roots)
