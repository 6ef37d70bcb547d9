"""A user with no settings, and what this user is given; a machine that is not this one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.index_server import IndexServer
from tests.lab.venv import alone


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user whose settings are the test's."""
    alone(monkeypatch, tmp_path / "home")
    return tmp_path


@pytest.fixture
def own_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    """The one index of this user: public, and with the wheels that the test puts into ``folder / "wheels"``."""
    (folder / "wheels").mkdir()
    with IndexServer(folder / "wheels") as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("FASTENV_PUBLIC_INDEXES", index.url)
        yield index


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    """A channel of the archives that the test puts into its folder."""
    with Channel(tmp_path / "channel") as server:
        yield server


@pytest.fixture(scope="session")
def old_debian(repository: Path) -> Path:
    """The folder of a Debian 11 (glibc 2.31), to chroot into: made once, and kept below target/."""
    debootstrap = shutil.which("debootstrap")
    if os.geteuid() != 0 or debootstrap is None:
        pytest.skip("needs root and debootstrap")
    room = repository / "target" / "debootstrap"
    made = room / "bullseye"
    if not made.exists():
        room.mkdir(parents=True, exist_ok=True)
        staging = room / "bullseye.new"
        shutil.rmtree(staging, ignore_errors=True)
        # --foreign: all is unpacked, and its own programs, which take as long again, are not run.
        command = [debootstrap, "--variant=minbase", "--foreign", "bullseye", str(staging)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"debootstrap of bullseye failed: {done.stdout[-300:]}")
        subprocess.run(["chroot", str(staging), "/sbin/ldconfig"], check=True)
        staging.rename(made)
    return made
