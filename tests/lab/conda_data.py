"""The real conda packages that tests and benches work on: a folder outside the project, which may be absent.

$FASTENV_CONDA_DATA names it; else it is ``../shared/conda`` beside the checkout. Its README.md says what is there.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

__all__ = ["ROOT", "Archive", "archives", "by_name", "data", "environment", "needs_conda_data"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Archive:
    """A package's archive; ``relative`` to the folder (``channels/NAME/SUBDIR/FILE``), ``size`` in bytes."""

    path: Path
    relative: str
    name: str
    version: str
    build: str
    subdir: str
    size: int
    sha256: str
    md5: str

    @property
    def channel(self) -> str:
        """The folder of the channel: what precedes the subdir."""
        return self.relative.rsplit("/", 2)[0]

    @property
    def file_name(self) -> str:
        return self.path.name


def data() -> Path | None:
    """The folder, or None if it is absent."""
    named = os.environ.get("FASTENV_CONDA_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "conda"
    return folder if (folder / "INDEX.tsv").is_file() else None


def needs_conda_data() -> pytest.MarkDecorator:
    """For ``pytestmark``: skips, and says why, where the folder is absent."""
    return pytest.mark.skipif(data() is None, reason="the conda data is absent: $FASTENV_CONDA_DATA names it")


@lru_cache
def archives() -> dict[str, Archive]:
    """Every archive, by its path in the folder."""
    folder = data()
    assert folder is not None, "ask needs_conda_data first"
    with (folder / "INDEX.tsv").open(encoding="utf-8") as rows:
        return {row["file"]: _archive(folder, row) for row in csv.DictReader(rows, delimiter="\t")}


def environment(name: str) -> list[Archive]:
    """The archives of one of the solved environments (``py36-big``), in its order."""
    folder = data()
    assert folder is not None, "ask needs_conda_data first"
    lines = (folder / "envs" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [archives()[line.partition("#")[0]] for line in lines if line and not line.startswith("#")]


def by_name(names: Iterable[str]) -> list[Archive]:
    """Archives by the names of their files."""
    known = {archive.file_name: archive for archive in archives().values()}
    return [known[name] for name in names]


def _archive(folder: Path, row: dict[str, str]) -> Archive:
    return Archive(
        path=folder / row["file"],
        relative=row["file"],
        name=row["name"],
        version=row["version"],
        build=row["build"],
        subdir=row["subdir"],
        size=int(row["size"]),
        sha256=row["sha256"],
        md5=row["md5"],
    )
