"""Wheels that were packed up before."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastenv.build.wheel_file import Contents, Entry, write_wheel
from fastenv.lock import lock  # noqa: F401 # the modules below are its own
from fastenv.lock.edits import Hashes
from fastenv.lock.packed import Packed, contents_digest
from fastenv.lock.wheel_digest import wheel_files_digest


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def contents(folder: Path) -> Contents:
    """With all that a files digest passes over, or says in another way."""
    folder.mkdir(exist_ok=True)
    (folder / "code.py").write_text("X = 1\n")
    info = "thing-1.0.dist-info"
    return Contents(
        "thing-1.0-py3-none-any.whl",
        "thing-1.0",
        (
            Entry("thing/code.py", str(folder / "code.py")),
            Entry("thing/tool.sh", b"#!/bin/sh\n", executable=True),
            Entry("thing-1.0.data/scripts/own", b"#!python\n"),
            Entry("thing-1.0.data/scripts/plain", b"plain"),
            Entry("thing-1.0.data/scripts/made", b"made"),
            Entry("thing-1.0.data/data/etc/thing.conf", b"a"),
            Entry("thing-1.0.data/headers/thing.h", b"h"),
            Entry("thing-1.0.data/purelib/other-2.0.dist-info/METADATA", b"nested"),
            Entry(f"{info}/METADATA", b"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"),
            Entry(f"{info}/entry_points.txt", b"[console_scripts]\nmade = thing:main\n"),
        ),
    )


def test_a_digest_without_a_wheel(tmp_path: Path, environ: dict[str, str]) -> None:
    """It is that of the wheel that would be written."""
    written = write_wheel(contents(tmp_path / "a"), tmp_path / "thing.whl")
    with written.path.open("rb") as stream:
        expected = wheel_files_digest(stream)
    assert contents_digest(contents(tmp_path / "a"), Hashes(["a"], environ)) == expected


def test_found_only_as_it_was_written(tmp_path: Path, environ: dict[str, str]) -> None:
    """Neither a wheel that is gone or damaged, nor one of other contents."""
    what = contents(tmp_path / "a")
    first = Packed(Hashes(["a"], environ), tmp_path, environ)
    assert first.find(what) is None
    written = write_wheel(what, tmp_path / "new.whl")
    target = tmp_path / written.sha256 / what.filename
    first.note(what, written, "d" * 64)
    first.save()

    def found() -> object:
        return Packed(Hashes(["a"], environ), tmp_path, environ).find(what)

    assert found() is None
    target.parent.mkdir()
    target.write_bytes(b"x" * written.size)
    assert found() is None
    written.path.replace(target)
    told = Packed(Hashes(["a"], environ), tmp_path, environ).find(what)
    assert told is not None
    assert (told[0].path, told[0].sha256, told[0].size, told[1]) == (
        target,
        written.sha256,
        written.size,
        "d" * 64,
    )
    (tmp_path / "a/code.py").write_text("X = 2\n")
    assert found() is None
    (tmp_path / "home/.cache/fastenv/packed-v1.json").write_text('{"a": [1], "b": "c"}')
    assert found() is None


def test_an_edit_while_it_is_packed(tmp_path: Path, environ: dict[str, str]) -> None:
    """What was written is what is remembered, not what was there before or after."""
    what = contents(tmp_path / "a")
    (tmp_path / "a/code.py").write_text("X = 2\n")
    written = write_wheel(what, tmp_path / "new.whl")
    (tmp_path / "a/code.py").write_text("X = 1\n")
    first = Packed(Hashes(["a"], environ), tmp_path, environ)
    first.note(what, written, "d" * 64)
    first.save()
    (tmp_path / written.sha256).mkdir()
    written.path.replace(tmp_path / written.sha256 / what.filename)
    assert Packed(Hashes(["a"], environ), tmp_path, environ).find(what) is None
    (tmp_path / "a/code.py").write_text("X = 2\n")
    assert Packed(Hashes(["a"], environ), tmp_path, environ).find(what) is not None
