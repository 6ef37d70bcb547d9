"""Answers of the last minutes, and of no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.lock.inventories import distribution

from fastenv.lock.pins import Candidate, Target
from fastenv.lock.recent import Recent
from fastenv.lock.sources import Network, Source, Sources
from fastenv.scan.inventory import Distribution

INDEX = Source("https://me:s3cret@index.example/simple", "index")
DEFAULT = Source("", "index", is_default=True)
TARGET = Target("/usr/bin/python3", "3.11.7", "")
IT = distribution()


def wheel(url: str = "https://files.example/alpha-1.0-py3-none-any.whl", source: Source = INDEX) -> Candidate:
    return Candidate("alpha-1.0-py3-none-any.whl", url, "a" * 64, 7, source)


def recent(home: Path, *sources: Source, target: Target = TARGET) -> Recent:
    return Recent(Sources(sources or (INDEX,), (), Network()), target, {"HOME": str(home)})


def keep(home: Path, kept: Candidate, *sources: Source) -> None:
    asked = recent(home, *sources)
    asked.keep(IT, kept)
    asked.save()


def test_a_moment_ago(tmp_path: Path) -> None:
    keep(tmp_path, wheel())
    assert recent(tmp_path).recall(IT) == wheel()
    (file,) = (tmp_path / ".cache" / "fastenv").iterdir()
    assert "s3cret" not in file.read_text()


def test_default_index_comes_back_with_its_address(tmp_path: Path) -> None:
    found = Source("https://default.example/simple", "index", is_default=True)
    keep(tmp_path, wheel(source=found), DEFAULT)
    assert recent(tmp_path, DEFAULT).recall(IT) == wheel(source=found)


@pytest.mark.parametrize(
    "other",
    [
        distribution(version="1.1"),
        distribution(files_digest="1" * 64),
        distribution(tags=("py2-none-any",)),
        distribution("beta"),
    ],
)
def test_what_is_installed_counts(tmp_path: Path, other: Distribution) -> None:
    keep(tmp_path, wheel())
    assert recent(tmp_path).recall(other) is None


def test_where_was_looked_counts(tmp_path: Path) -> None:
    keep(tmp_path, wheel())
    assert recent(tmp_path, INDEX, DEFAULT).recall(IT) is None
    assert recent(tmp_path, target=Target("/other", "3.11.7", "")).recall(IT) is None


@pytest.mark.parametrize(
    "kept",
    [
        wheel("https://files.example/x.whl?signature=1"),
        wheel("https://me:w@files.example/x.whl"),
        wheel("file:///x.whl"),
        wheel(source=Source("https://links.example", "find-links")),
        wheel(source=DEFAULT),
    ],
)
def test_what_is_not_kept(tmp_path: Path, kept: Candidate) -> None:
    keep(tmp_path, kept)
    assert not (tmp_path / ".cache").exists()


@pytest.mark.parametrize(
    "spoil", [lambda row: [row[0] - 601, *row[1:]], lambda row: [row[0] + 900, *row[1:]], len]
)
def test_old_future_and_damaged_rows(tmp_path: Path, spoil: object) -> None:
    keep(tmp_path, wheel())
    (file,) = (tmp_path / ".cache" / "fastenv").iterdir()
    rows = json.loads(file.read_text())
    file.write_text(json.dumps({key: spoil(row) for key, row in rows.items()}))  # type: ignore[operator]
    assert recent(tmp_path).recall(IT) is None
