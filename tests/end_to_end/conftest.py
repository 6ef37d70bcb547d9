"""Machines that are not this one: a Debian 11 made once and kept below target/."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def old_debian(repository: Path) -> Path:
    """The folder of a Debian 11 (glibc 2.31), to chroot into."""
    debootstrap = shutil.which("debootstrap")
    if os.geteuid() != 0 or debootstrap is None:
        pytest.skip("needs root and debootstrap")
    room = repository / "target" / "debootstrap"
    made = room / "bullseye"
    if not made.exists():
        room.mkdir(parents=True, exist_ok=True)
        staging = room / "bullseye.new"
        shutil.rmtree(staging, ignore_errors=True)
        command = [debootstrap, "--variant=minbase", "bullseye", str(staging)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"debootstrap of bullseye failed: {done.stdout[-300:]}")
        staging.rename(made)
    return made
