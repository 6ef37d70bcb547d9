"""The project that an editable distribution is made of: where it is, and what its settings say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fastenv.build.wheel_file import NotPackable
from fastenv.scan.inventory import Distribution
from fastenv.scan.origin import directory_of

__all__ = ["Project", "project_of"]

_SETTINGS = ("pyproject.toml", "setup.py", "setup.cfg")
_LEVELS = 3  # from a folder of sys.path up to its project


@dataclass(frozen=True)
class Project:
    """A distribution and its project's folder. ``settings`` is the text of what tells how to build it."""

    distribution: Distribution
    folder: str
    settings: str


def project_of(it: Distribution) -> Project:
    """The project of an editable distribution. Raises NotPackable where it is not to be found."""
    told = directory_of(it.origin)
    if not told or not os.path.isdir(told):
        raise NotPackable(f"its source folder {told or it.origin.url} is not there")
    folder = Path(os.path.realpath(told))
    for place in [folder, *folder.parents][:_LEVELS]:
        texts = [_text(place / name) for name in _SETTINGS]
        if any(texts):
            return Project(it, str(place), "\n".join(texts))
    return Project(it, str(folder), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
