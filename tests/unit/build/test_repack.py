"""Installed files as the contents of a wheel, and those as bytes."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.lock.inventories import distribution, inventory

from fastenv.build.installed_files import InstalledFile
from fastenv.build.repack import contents_of_files, entry_of
from fastenv.build.wheel_file import Contents, Entry, NotPackable, wheel_filename, write_wheel
from fastenv.lock.wheel_digest import wheel_files_digest
from fastenv.scan.inventory import Interpreter

ENVIRONMENT = inventory()
LONG = "/env/bin/python3.11"
SCRIPTS = [
    # installed, in the wheel; None: as it is
    ("#!/env/bin/python\nx\n", "#!python\nx\n"),
    ("#!/env/bin/python3.11 -I\nx\n", "#!python -I\nx\n"),
    ('#! "/env/bin/python" -E\nx\n', "#!python -E\nx\n"),
    (f"#!/bin/sh\n'''exec' {LONG} \"$0\" \"$@\"\n' '''\nx\n", "#!python\nx\n"),
    (f"#!/bin/sh\n'''exec' \"{LONG}\" -s \"$0\" \"$@\"\n' '''\nx\n", "#!python -s\nx\n"),
    (f"#!/bin/sh\n'''exec' '{LONG}' \"$0\" \"$@\"\n' '''\nx\n", "#!python\nx\n"),
    ("#!/usr/bin/env python3\nx\n", None),
    ("#!/bin/sh\necho\n", None),
    ("#!/other/bin/python\nx\n", None),
    ("#!\n", None),
    ("\x7fELF", None),
]


def facts() -> Interpreter:
    assert ENVIRONMENT.interpreter is not None
    return ENVIRONMENT.interpreter


@pytest.mark.parametrize(("installed", "packed"), SCRIPTS)
def test_scripts_name_any_interpreter(tmp_path: Path, installed: str, packed: str | None) -> None:
    file = tmp_path / "tool"
    file.write_text(installed)
    entry = entry_of(InstalledFile("prefix/bin/tool", str(file)), "alpha-1.0", facts())
    if packed is None:
        assert entry == Entry("alpha-1.0.data/data/bin/tool", str(file))
    else:
        assert entry == Entry("alpha-1.0.data/scripts/tool", packed.encode(), executable=True)


@pytest.mark.parametrize(
    ("install_path", "name"),
    [
        ("site/alpha/x.py", "alpha/x.py"),
        ("site/alpha-1.0.dist-info/METADATA", "alpha-1.0.dist-info/METADATA"),
        ("site/vendor/other-1.0.dist-info/RECORD", "vendor/other-1.0.dist-info/RECORD"),
        ("site/other-1.0.dist-info/METADATA", "alpha-1.0.data/purelib/other-1.0.dist-info/METADATA"),
        ("headers/alpha/a.h", "alpha-1.0.data/headers/a.h"),
        ("headers/other/a.h", "alpha-1.0.data/data/include/python3.11/other/a.h"),
        ("prefix/share/x", "alpha-1.0.data/data/share/x"),
    ],
)
def test_every_scheme(tmp_path: Path, install_path: str, name: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert entry_of(InstalledFile(install_path, str(file)), "alpha-1.0", facts()).name == name


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the order and the times; names are sorted, RECORD is last, modes are two."""
    files = {"a.py": b"A", "b/c,d.txt": b"", "x-1.dist-info/METADATA": b"M", "x-1.dist-info/WHEEL": b"W"}
    entries = [Entry(name, data, executable=name == "a.py") for name, data in files.items()]
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, (5, 5))
    lying = [Entry(entry.name, str(tmp_path / entry.name), entry.executable) for entry in reversed(entries)]
    one = write_wheel(Contents("x-1-py3-none-any.whl", "x-1", tuple(entries)), tmp_path / "one")
    other = write_wheel(Contents("x-1-py3-none-any.whl", "x-1", tuple(lying)), tmp_path / "other")
    assert (one.sha256, one.size) == (other.sha256, other.size)
    with zipfile.ZipFile(one.path) as archive:
        assert archive.namelist() == [*sorted(files), "x-1.dist-info/RECORD"]
        assert [info.external_attr >> 16 for info in archive.infolist()] == [0o100755, *[0o100644] * 4]
        assert archive.testzip() is None
    with one.path.open("rb") as stream:
        assert len(wheel_files_digest(stream)) == 64


@pytest.mark.parametrize("name", ["a\nb.py", "a\\b.py", "a\udce9.py"])
def test_names_that_no_wheel_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotPackable, match="no wheel can have"):
        write_wheel(Contents("x-1-py3-none-any.whl", "x-1", (Entry(name, b""),)), tmp_path / "one")


def test_file_names() -> None:
    tags = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64")
    name = "foo_bar-1.0+cpu-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    assert wheel_filename("foo-bar", "1.0+cpu", tags) == name
    assert wheel_filename("x", "1.0", ("py3-none-any",), "1a") == "x-1.0-1a-py3-none-any.whl"


def test_tags_of_what_has_none(tmp_path: Path) -> None:
    """Machine code is for this interpreter and platform, all else for any."""
    it = replace(distribution(), tags=())
    plain, library = tmp_path / "a.py", tmp_path / "a.so"
    plain.write_text("")
    library.write_bytes(b"\x7fELF")
    rows = [InstalledFile("site/a.py", str(plain))]
    assert contents_of_files(it, rows, ENVIRONMENT).filename == "alpha-1.0-py3-none-any.whl"
    rows.append(InstalledFile("site/a.so", str(library)))
    made = contents_of_files(it, rows, ENVIRONMENT)
    assert made.filename == "alpha-1.0-cp311-cp311-linux_x86_64.whl"
    (wheel,) = [entry.source for entry in made.entries if entry.name.endswith("/WHEEL")]
    assert (
        wheel
        == b"Wheel-Version: 1.0\nGenerator: fastenv\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n"
    )


def test_a_folder_of_another_version(tmp_path: Path) -> None:
    it = replace(distribution(), version="2.0")
    with pytest.raises(NotPackable, match="another name or version"):
        contents_of_files(it, [], ENVIRONMENT)
