"""Stores and prefixes on file systems of their own: each falls to what it can do, and the tree is the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.lab import Lab
from tests.lab.mounts import loop, tmpfs
from tests.lab.records import record_faults, site_packages
from tests.lab.trees import differences

pytestmark = pytest.mark.root

BIG = bytes(range(256)) * 100_000  # 25.6 MB, which no file system keeps inside an inode


@pytest.fixture
def wheel(lab: Lab) -> Path:
    return lab.wheel("one", files={"one.py": "x = 1\n", "one.bin": BIG})


@pytest.fixture(scope="module")
def xfs() -> Iterator[Path]:
    with loop("xfs") as place:
        yield place


def place(lab: Lab, lock: Path, prefix: Path, *options: object) -> Path:
    done = lab.run("materialize", lock, "--prefix", prefix, *options)
    assert done.code == 0, done.err
    assert record_faults(prefix) == []
    assert lab.run("verify", prefix, "--full").code == 0
    assert [path for path in prefix.parent.glob(".*") if "fastenv" in path.name] == []
    return site_packages(prefix) / "one.bin"


@pytest.mark.parametrize("mode", ["auto", "hardlink", "reflink", "copy"])
def test_a_store_on_another_file_system_falls_to_copy(lab: Lab, wheel: Path, mode: str) -> None:
    with tmpfs() as other:
        lock = lab.lock(wheel)
        file = place(lab, lock, other / "env", "--link-mode", mode)
        assert file.stat().st_nlink == 1
        (artifact,) = (lab.store / "artifacts").iterdir()
        stored = artifact / "tree/site/one.bin"
        assert file.stat().st_mtime_ns == stored.stat().st_mtime_ns, "byte code is checked against it"
        assert differences(other / "env", lab.reference(wheel)) == []


def test_a_store_on_ext4_apart(lab: Lab, wheel: Path) -> None:
    """Root and prefix both there: hard links again; a prefix here: copies."""
    lock = lab.lock(wheel)
    with loop("ext4") as other:
        root = ("--root", other / "root")
        assert place(lab, lock, other / "env", *root).stat().st_nlink > 1
        assert place(lab, lock, lab.prefix("env"), *root).stat().st_nlink == 1


def shared_extents(path: Path) -> bool:
    """Whether the file's blocks are shared with another (FIEMAP_EXTENT_SHARED), as filefrag tells."""
    told = subprocess.run(["filefrag", "-v", path], capture_output=True, text=True, check=True)
    return "shared" in told.stdout


def used(folder: Path) -> int:
    """Bytes that the file system holds, all written out."""
    subprocess.run(["sync", "-f", folder], check=True)
    stat = os.statvfs(folder)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize


def test_reflinks_share_blocks(lab: Lab, wheel: Path, xfs: Path) -> None:
    """A file of its own in the environment, yet the disk holds its content once."""
    lock = lab.lock(wheel)
    root = ("--root", xfs / "root")
    place(lab, lock, xfs / "first", *root, "--link-mode", "reflink")
    before = used(xfs)
    file = place(lab, lock, xfs / "second", *root, "--link-mode", "reflink")
    assert file.stat().st_nlink == 1
    assert shared_extents(file)
    assert used(xfs) - before < len(BIG) // 4


def test_an_edit_of_a_reflinked_file_does_not_reach_the_store(lab: Lab, wheel: Path, xfs: Path) -> None:
    root = ("--root", xfs / "edited")
    lock = lab.lock(wheel)
    file = place(lab, lock, xfs / "fourth", *root, "--link-mode", "reflink")
    file.chmod(0o644)
    with file.open("r+b") as stream:
        stream.write(b"edited")
    place(lab, lock, xfs / "fifth", *root)


def test_auto_takes_hard_links_where_both_can_be_had(lab: Lab, wheel: Path, xfs: Path) -> None:
    file = place(lab, lab.lock(wheel), xfs / "sixth", "--root", xfs / "root")
    assert file.stat().st_nlink > 1


def test_a_full_disk_is_told_and_leaves_nothing(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    with tmpfs() as small:
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        said = lab.run("materialize", lock, "--prefix", small / "env")
        assert (said.code, said.out) == (6, "")
        assert "No space left" in said.err
        assert list(small.iterdir()) == []
        said = lab.run("materialize", lock, "--root", small / "root", "--prefix", lab.prefix("env"))
        assert (said.code, said.out) == (6, "")
        assert "No space left" in said.err
        assert list((small / "root/v1/tmp").iterdir()) == []
        assert not lab.prefix("env").exists()
    place(lab, lock, lab.prefix("env"))
