"""What a project is built with, and how long an answer holds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from fastenv.lock import backends
from fastenv.lock.backends import Backends, build_requires


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, ("setuptools>=40.8.0",)),
        ("", ("setuptools>=40.8.0",)),
        ("[build-system", ()),
        ("[build-system]", ()),
        ("build-system = 3", ()),
        ("[build-system]\nrequires = 3", ()),
        ('[build-system]\nrequires = ["!", 3, "hatchling>=1", "x @ file:///x"]', ("hatchling>=1",)),
    ],
)
def test_what_a_build_wants(tmp_path: Path, text: str | None, wanted: tuple[str, ...]) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    assert build_requires(tmp_path) == wanted


def test_settings_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    assert build_requires(tmp_path) == ()


def test_what_the_build_of_an_archive_wants(tmp_path: Path) -> None:
    """By its own settings, which lie in the one folder at its top; damaged ones want nothing."""
    project = tmp_path / "tool-1.0"
    (project / "vendored").mkdir(parents=True)
    for folder, wanted in ((project, "hatchling"), (project / "vendored", "flit")):
        (folder / "pyproject.toml").write_text(f'[build-system]\nrequires = ["{wanted}"]')
    for kind in ("gztar", "zip", "xztar"):
        packed = Path(shutil.make_archive(str(tmp_path / kind), kind, tmp_path, project.name))
        assert build_requires(packed) == ("hatchling",)
        packed.write_bytes(packed.read_bytes()[:100])
        assert build_requires(packed) == ()
    (project / "pyproject.toml").unlink()
    assert build_requires(Path(shutil.make_archive(str(project), "zip", tmp_path, project.name))) == (
        "setuptools>=40.8.0",
    )


class Index:
    """Answers what it is told to, and counts."""

    def __init__(self, *answers: list[str] | None) -> None:
        self.answers = list(answers)

    def ask(self, requires: Sequence[str]) -> list[str] | None:
        return self.answers.pop(0)


def test_an_answer_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while, and for longer where there is no other; an older file of another form counts for nothing."""
    environ = {"HOME": str(tmp_path)}
    kept = tmp_path / ".cache/fastenv/backends-v1.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"a": 1, "b": [1, [2]]}')
    index = Index(["b==2", "a==1"], None, ["a==2"], None)

    def told(*requires: str, context: str = "") -> tuple[str, ...]:
        return Backends(index.ask, {"a": "0.5"}, [context], environ).versions(requires)

    assert told("a") == told("a") == ("a==1", "b==2")
    monkeypatch.setattr(backends, "_HOLDS_S", 0.0)
    assert told("a") == ("a==1", "b==2")
    assert told("a") == ("a==2",)
    assert told("A>1", "c", context="elsewhere") == ("a==0.5",)
    assert told() == ()
    assert index.answers == []
