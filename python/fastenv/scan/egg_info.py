"""The metadata of the time before wheels: .egg-info, a directory or a single file, and EGG-INFO.

Debian still installs such, and ``setup.py develop`` leaves one in the source tree.
https://setuptools.pypa.io/en/latest/deprecated/python_eggs.html
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastenv.scan.installed import Installed, canonical, is_name, is_version
from fastenv.scan.inventory import Broken, Distribution, Origin
from fastenv.scan.metadata import entry_points, read_core_metadata, read_text

if TYPE_CHECKING:
    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.inventory import SearchPath
    from fastenv.scan.metadata import CoreMetadata

__all__ = ["read_egg_info"]


def read_egg_info(path: str, entry: SearchPath, conda: CondaPrefix | None = None) -> Installed | Broken:
    """The distribution that the .egg-info or EGG-INFO ``path`` describes; Broken if none."""
    guess = canonical(os.path.basename(path).removesuffix(".egg-info").partition("-")[0])
    single = os.path.isfile(path)
    source = path if single else f"{path}/PKG-INFO"
    try:
        core = read_core_metadata(source)
    except FileNotFoundError:
        return Broken(path, entry.layer, guess, ("it has no PKG-INFO",))
    except (OSError, UnicodeDecodeError) as error:
        return Broken(path, entry.layer, guess, (f"its PKG-INFO cannot be read: {error}",))
    if not is_name(core.name) or not core.version:
        return Broken(path, entry.layer, guess, (f"its PKG-INFO names no distribution: {core.name!r}",))
    names = set() if single else set(os.listdir(path))
    package = conda.package_of(path, names) if conda else ""
    trees = () if single else _lines(path, "top_level.txt")
    return Installed(_distribution(path, entry, core, package, single=single), None, trees)


def _distribution(
    path: str, entry: SearchPath, core: CoreMetadata, package: str, *, single: bool
) -> Distribution:
    problems = () if is_version(core.version) else (f"its version {core.version!r} is not one of PEP 440",)
    if package:
        origin = Origin("conda", package=package)
    else:
        origin = Origin("system" if entry.path.endswith("/dist-packages") else "unknown")
    return Distribution(
        name=canonical(core.name),
        display_name=core.name,
        version=core.version,
        layer=entry.layer,
        location=entry.path,
        metadata_path=path,
        format="egg" if path.endswith("/EGG-INFO") else "egg-info",
        origin=origin,
        installer="",
        requested=False,
        tags=(),
        build="",
        files=0,
        size=0,
        files_digest=None,
        requires_python=core.requires_python,
        requires=core.requires or (() if single else _requires(_lines(path, "requires.txt"))),
        extras=core.extras,
        entry_points=() if single else entry_points("\n".join(_lines(path, "entry_points.txt"))),
        problems=problems,
    )


def _requires(lines: tuple[str, ...]) -> tuple[str, ...]:
    """requires.txt as requirements; a section ``[extra:marker]`` is a condition on its lines."""
    found = []
    condition = ""
    for line in lines:
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            parts = [f"({marker})"] * bool(marker) + [f'extra == "{extra}"'] * bool(extra)
            condition = " and ".join(parts)
        else:
            found.append(f"{line} ; {condition}" if condition else line)
    return tuple(found)


def _lines(path: str, name: str) -> tuple[str, ...]:
    """The lines of a file of the directory that are not blank; none where it cannot be read."""
    try:
        text = read_text(f"{path}/{name}")
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.strip())
