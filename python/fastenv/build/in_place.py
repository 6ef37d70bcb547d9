"""The files that an editable installation makes importable, where they lie, as the contents of a wheel.

For source trees that hold compiled extensions, and for those that can't be built. Which folders are meant is read
from what installers leave in site-packages: .pth files, and the finders of setuptools (``MAPPING``) and
scikit-build-core.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from fastenv.build.installed_files import InstalledFile, files_of_tree, installed_files
from fastenv.build.repack import contents_of_files, is_machine_code
from fastenv.build.wheel_file import Contents, NotPackable
from fastenv.scan.inventory import Distribution, Inventory
from fastenv.scan.metadata import read_text

__all__ = ["has_extensions", "in_place", "source_files"]

_MACHINERY = re.compile(
    r"site/(?:__editable__[^/]*|_[^/]*_editable[^/]*|[^/]*_editable_(?:finder|loader)\.py|_editable_impl_[^/]*"
    r"|__editables_[^/]*|[^/]*\.pth|[^/]*\.egg-link)"
)
_MAPPING = re.compile(r"^MAPPING(?:\s*:[^=\n]+)?\s*=\s*(\{[^\n]*\})", re.MULTILINE)
_INSTALLED_BY_CALL = re.compile(r"^install\(\s*(\{[^\n]*?\}),", re.MULTILINE)
_NO_CODE_OF_IT = frozenset(
    {
        *("setup.py", "conftest.py", "noxfile.py", "tasks.py", "versioneer.py", "fabfile.py"),
        *("test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "scripts", "tools"),
        *("build", "dist", "venv", "env", "site", "node_modules", "htmlcov"),
    }
)


def in_place(it: Distribution, inventory: Inventory) -> Contents:
    """What a wheel of the editable ``it`` holds if its tree is taken as it is.

    Raises NotPackable where no importable file is found, OSError where one cannot be read.
    """
    sources = list(source_files(it))
    own = [] if it.format == "egg-info" else _own_files(it)
    if not sources and all(".dist-info/" in row.install_path for row in own):
        raise NotPackable("nothing of its source tree can be imported by what its installer left")
    taken = {row.install_path for row in own}
    rows = [*own, *(row for row in sources if row.install_path not in taken)]
    return contents_of_files(replace(it, tags=()), rows, inventory)


def has_extensions(files: Iterable[InstalledFile]) -> bool:
    """Whether machine code is among them."""
    return any(is_machine_code(row.file) for row in files)


def source_files(it: Distribution) -> Iterator[InstalledFile]:
    """The files that ``it`` makes importable from outside of site-packages, each at its install path."""
    if it.format == "egg-info":
        yield from _of_folder(it.location, it)
        return
    for row in installed_files(it):
        if row.install_path.count("/") == 1 and row.install_path.endswith(".pth"):
            for folder in _folders(row.file):
                yield from _of_folder(folder, it)
        elif _MACHINERY.fullmatch(row.install_path) and row.install_path.endswith(".py"):
            yield from _of_finder(row.file)


def _own_files(it: Distribution) -> list[InstalledFile]:
    """What lies in site-packages itself, without that which leads elsewhere."""
    return [row for row in installed_files(it) if not _MACHINERY.fullmatch(row.install_path)]


def _folders(pth: str) -> Iterator[str]:
    """The folders that the lines of a .pth file name."""
    for line in read_text(pth).splitlines():
        if line.strip() and not line.startswith(("#", "import ", "import\t")):
            folder = os.path.normpath(os.path.join(os.path.dirname(pth), line.strip()))
            if os.path.isdir(folder):
                yield folder


def _of_finder(finder: str) -> Iterator[InstalledFile]:
    text = read_text(finder)
    for pattern in (_MAPPING, _INSTALLED_BY_CALL):
        match = pattern.search(text)
        if match is None:
            continue
        try:
            mapping = ast.literal_eval(match[1])
        except (ValueError, SyntaxError):
            continue
        for module, place in mapping.items():
            yield from _of_module(str(module).replace(".", "/"), str(place))


def _of_module(module: str, place: str) -> Iterator[InstalledFile]:
    """A module or package at ``place``, which may be named without its ending."""
    if os.path.isdir(place):
        yield from files_of_tree(place, f"site/{module}")
        return
    if os.path.basename(place).startswith("__init__."):
        module += "/__init__"
    for path in (place, f"{place}.py"):
        if os.path.isfile(path):
            ending = os.path.basename(path).partition(".")[2]
            yield InstalledFile(f"site/{module}.{ending}", path)
            return


def _of_folder(folder: str, it: Distribution) -> Iterator[InstalledFile]:
    """What ``it`` has on the top level of a folder of sys.path, and all that is below."""
    names = set(_names(folder, it))
    for name in sorted(os.listdir(folder)):
        place = f"{folder}/{name}"
        if name.partition(".")[0] not in names or name.endswith((".egg-info", ".dist-info", ".pyc")):
            continue
        if os.path.isdir(place) and "." not in name:
            yield from files_of_tree(place, f"site/{name}")
        elif os.path.isfile(place) and name.endswith((".py", ".so", ".pyi")):
            yield InstalledFile(f"site/{name}", place)


def _names(folder: str, it: Distribution) -> Iterator[str]:
    """Top-level names of modules: those told by top_level.txt; else all, without what is no code of a package
    where the folder is that of the project itself.
    """
    told = _told(it.metadata_path) or _told(f"{folder}/{it.display_name.replace('-', '_')}.egg-info")
    if told:
        yield from told
        return
    is_project = any(
        os.path.isfile(f"{folder}/{name}") for name in ("pyproject.toml", "setup.py", "setup.cfg")
    )
    for name in os.listdir(folder):
        module = name.partition(".")[0]
        if not module.isidentifier() or (is_project and {name, module} & _NO_CODE_OF_IT):
            continue
        if name.endswith((".py", ".so")) or (
            os.path.isdir(f"{folder}/{name}") and _holds_code(f"{folder}/{name}")
        ):
            yield module


def _told(metadata: str) -> list[str]:
    try:
        return read_text(f"{metadata}/top_level.txt").split()
    except (OSError, UnicodeDecodeError):
        return []


def _holds_code(folder: str) -> bool:
    return any(name.endswith((".py", ".so")) for _, _, names in os.walk(folder) for name in names)
