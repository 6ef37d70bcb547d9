"""The node program runs on old machines: glibc 2.17 by its symbols, Debian 11 by trying; and how it was compiled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.lab.lock_text import lock_text

import fastenv
from fastenv._core import compute_env_id

OLDEST = (2, 17)
LONGEST_JUMP = 6  # bytes of a conditional jump
ALLOWED = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}

INTERPRETER = """
[tool.fastenv.interpreter]
implementation = "cpython"
version = "3.11.7"
soabi = "cpython-311-x86_64-linux-gnu"
build = "main, Jan  1 2026, 00:00:00; GCC 12.2.0"
executable = "/usr/bin/python3.11"
"""


def objdump(*flags: str) -> str:
    program = shutil.which("objdump")
    if program is None:
        pytest.skip("objdump (binutils) is not here")
    command = [program, *flags, str(fastenv.node_program())]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_it_asks_for_no_symbol_newer_than_glibc_2_17() -> None:
    versions = re.findall(r"GLIBC_(\d+)\.(\d+)", objdump("-T"))
    assert versions
    assert max((int(major), int(minor)) for major, minor in versions) <= OLDEST


def test_it_asks_for_no_library_but_those_of_glibc() -> None:
    assert set(re.findall(r"NEEDED +(\S+)", objdump("-p"))) <= ALLOWED


@pytest.mark.skipif("RUSTFLAGS" in os.environ, reason="$RUSTFLAGS takes the place of .cargo/config.toml")
def test_hardly_a_jump_lies_across_32_bytes() -> None:
    """Where the flags of the build are lost, one in nine does; ring's assembler is not ours to lay out."""
    rows = re.findall(r"(?m)^ *([0-9a-f]+):\t(\S+)", objdump("-d", "--no-show-raw-insn"))
    starts = [int(address, 16) for address, _ in rows]
    jumps = [
        (start, end)
        for start, end, (_, name) in zip(starts, starts[1:], rows, strict=False)
        if name.startswith("j") and end - start <= LONGEST_JUMP
    ]
    across = [start for start, end in jumps if start // 32 != end // 32]
    assert len(jumps) > 10_000
    assert len(across) < len(jumps) / 50


@pytest.fixture(scope="module")
def bullseye(old_debian: Path) -> Path:
    shutil.copy2(fastenv.node_program(), old_debian / "fastenv-node")
    return old_debian


def in_bullseye(root: Path, *arguments: str) -> str:
    command = ["chroot", str(root), "/fastenv-node", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.root
@pytest.mark.slow
def test_it_runs_in_bullseye(bullseye: Path) -> None:
    assert in_bullseye(bullseye, "--version").startswith("fastenv-node 0.")


@pytest.mark.root
@pytest.mark.slow
def test_it_reads_a_lock_in_bullseye(bullseye: Path, tmp_path: Path) -> None:
    text = lock_text(INTERPRETER)
    (bullseye / "pylock.fastenv.toml").write_text(text)
    assert in_bullseye(bullseye, "env-id", "/pylock.fastenv.toml") == f"{compute_env_id(text)}\n"
