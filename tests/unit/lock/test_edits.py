"""Installed files against RECORD."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.lab.venv import alone, make_venv, site_of

from fastenv.digest import sha256_of
from fastenv.lock import edits
from fastenv.lock.edits import Edit, find_edits
from fastenv.scan import scan
from fastenv.scan.inventory import Inventory
from fastenv.testing import make_wheel


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    alone(monkeypatch, tmp_path / "home")
    make_wheel(
        tmp_path / "wheels",
        "alpha",
        "1.0",
        {"alpha/__init__.py": "A = 1\n", "alpha/data.txt": "x" * 5000},
        data={"scripts/alpha-tool": "#!python\nprint(1)\n", "data/etc/alpha.conf": "a"},
        entry_points={"console_scripts": {"alpha": "alpha:main"}},
    )
    python = make_venv(tmp_path / "env", "alpha", links=tmp_path / "wheels")
    settle(tmp_path / "env")
    return python


def settle(folder: Path) -> None:
    """Give the files an age: a sha256 of one that has just changed is not kept."""
    old = time.time() - 100
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (old, old))


def look(inventory: Inventory) -> dict[str, tuple[Edit, ...]]:
    return find_edits(inventory.distributions, contested=(), environ=dict(os.environ))


def test_nothing_edited(python: Path) -> None:
    """Neither byte code nor a generated script nor the files of an installer count."""
    inventory = scan(python=python)
    (site_of(python) / "alpha" / "__pycache__").mkdir()
    (site_of(python) / "alpha" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (python.parent / "alpha").write_text("#!/bin/sh\n")
    (site_of(python) / "alpha-1.0.dist-info" / "INSTALLER").write_text("me")
    assert look(inventory) == {}


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("site/alpha/__init__.py", "changed"),
        ("site/alpha/data.txt", "changed"),
        ("site/alpha-1.0.dist-info/METADATA", "changed"),
        ("prefix/bin/alpha-tool", "changed"),
        ("prefix/etc/alpha.conf", "changed"),
        ("site/alpha/__init__.py", "gone"),
    ],
)
def test_each_kind_of_edit(python: Path, path: str, what: str) -> None:
    inventory = scan(python=python)
    root = site_of(python) if path.startswith("site/") else python.parent.parent
    file = root / path.partition("/")[2]
    if what == "gone":
        file.unlink()
    else:
        body = file.read_bytes()
        file.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))  # the same size
    assert look(inventory) == {"alpha": (Edit(path, what),)}


def test_contested_paths_are_the_scans_business(python: Path) -> None:
    inventory = scan(python=python)
    (site_of(python) / "alpha" / "data.txt").write_text("another's")
    contested = {"site/alpha/data.txt"}
    assert find_edits(inventory.distributions, contested=contested, environ=dict(os.environ)) == {}


def test_second_look_reads_no_file(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a file's size, times or inode have changed, and even if its bytes were put back in place."""
    monkeypatch.setattr(edits, "_SETTLED_NS", 0)
    inventory = scan(python=python)
    read: list[str] = []
    hashing = sha256_of

    def counting(file: str | Path) -> str:
        read.append(str(file))
        return hashing(file)

    monkeypatch.setattr(edits, "sha256_of", counting)
    assert look(inventory) == {}
    assert read
    read.clear()
    assert look(inventory) == {}
    assert read == []
    file = site_of(python) / "alpha" / "data.txt"
    stat = file.stat()
    file.write_bytes(b"y" * 5000)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # ctime tells all the same
    assert look(inventory) == {"alpha": (Edit("site/alpha/data.txt", "changed"),)}


def test_fresh_files_are_read_again(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed within the last seconds may change again within one tick of the clock."""
    inventory = scan(python=python)
    monkeypatch.setattr(edits, "_SETTLED_NS", 10**18)
    assert look(inventory) == {}
    assert not list((Path(os.environ["HOME"]) / ".cache").rglob("files-v1/*"))


def test_no_cache_folder_is_no_error(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/no")
    assert look(scan(python=python)) == {}
