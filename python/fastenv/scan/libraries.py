"""Libraries of the system that shared objects of the environment need: names, and where they are on this machine.

Which objects there are is told by RECORD and by conda's records; the core reads them (``rust/libraries/``).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from fastenv.scan.inventory import SystemLibrary

if TYPE_CHECKING:
    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.installed import Installed
    from fastenv.scan.inventory import Stray

__all__ = ["is_object", "system_libraries"]

_OBJECT = re.compile(r"\.so(?:\.[0-9]+)*$")


def system_libraries(
    kept: Iterable[Installed],
    conda: CondaPrefix | None,
    strays: Iterable[Stray] = (),
    *,
    executable: str | None,
    environ: Mapping[str, str],
) -> tuple[SystemLibrary, ...]:
    """What the objects of distributions, conda packages and loose modules need that is none of the environment's own.

    ``executable`` is the environment's interpreter, whose own folders the loader searches, too. Empty where this
    machine is no Linux: only its loader is known.
    """
    parts = [part for part in (*_of_distributions(kept), *_of_conda(conda), *_of_strays(strays)) if part[1]]
    if sys.platform != "linux" or not parts:
        return ()
    from fastenv import _core

    found = _core.needed_libraries(
        parts, library_path=environ.get("LD_LIBRARY_PATH", ""), program=executable or None
    )
    return tuple(
        SystemLibrary(
            name=it.name,
            packages=tuple(it.packages),
            path="" if it.path is None else str(it.path),
            folders=tuple(map(str, it.folders)),
            versions=tuple(it.versions),
        )
        for it in found
    )


def is_object(path: str) -> bool:
    """Whether a file is a shared object, by its name."""
    return ".so" in path and _OBJECT.search(path) is not None


def _of_distributions(kept: Iterable[Installed]) -> Iterator[tuple[str, list[str]]]:
    """Each with the files that by their names are objects; what conda brought stands in conda's records."""
    for item in kept:
        record = item.record
        if record is None or item.distribution.origin.kind == "conda":
            continue
        files = [
            record.file(path, install)
            for path, install in zip(record.paths, record.installs, strict=True)
            if is_object(path)
        ]
        yield item.distribution.name, files


def _of_strays(strays: Iterable[Stray]) -> Iterator[tuple[str, list[str]]]:
    """Modules that no package owns, each as ``loose:NAME``."""
    for stray in strays:
        if stray.kind != "module":
            continue
        inner = ((place, names) for place, _, names in os.walk(stray.path))
        files = [f"{place}/{name}" for place, names in inner for name in names if is_object(name)]
        if is_object(stray.path):
            files.append(stray.path)
        yield f"loose:{os.path.basename(stray.path).partition('.')[0]}", files


def _of_conda(conda: CondaPrefix | None) -> Iterator[tuple[str, list[str]]]:
    if conda is None:
        return
    for record in conda.records:
        paths = (it.path for it in record.files if it.kind != "directory")
        files = [f"{conda.prefix}/{path}" for path in paths if is_object(path)]
        yield f"conda:{record.package.name}", files
