"""File systems whose flock fails, as on Lustre without it or on NFS: all race, and the result is right.

There is no NFS here: the kernel is told to refuse the system call instead, which no program can get around.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.aftermath import Aftermath
from tests.lab.seccomp import without_flock

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="the number of flock is not known here"
)


def test_the_kernel_does_refuse() -> None:
    lock = "import fcntl; fcntl.flock(0, fcntl.LOCK_EX)"
    command = without_flock("ENOLCK", [sys.executable, "-c", lock])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "No locks available" in done.stderr


@pytest.mark.parametrize("error", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_without_locks_all_race_and_each_gets_the_right_tree(
    aftermath: Aftermath, error: str, full: bool
) -> None:
    lab = aftermath.lab
    for _ in range(5 if full else 1):
        lab.root = lab.folder / f"root{len(list(lab.folder.glob('root*')))}"
        one = lab.prefix("one")
        prefixes = [one, one, *(lab.prefix(f"{lab.root.name}-{n}") for n in range(2))] * 2
        check(aftermath, error, prefixes)
    # A gc without locks leaves what is young.
    done = lab.run("store", "gc", "--keep-days", "0")
    assert done.code == 0, done.err
    aftermath.heals(prefix=one)


def check(aftermath: Aftermath, error: str, prefixes: list[Path]) -> None:
    """As many runs at once as prefixes; some share one."""
    lab, quiet = aftermath.lab, subprocess.DEVNULL
    processes = []
    for prefix in prefixes:
        command = lab.command("materialize", aftermath.lock, "--prefix", prefix)
        processes.append(
            subprocess.Popen(
                without_flock(error, command),
                env=lab.environ,
                stdin=quiet,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for prefix, process in zip(prefixes, processes, strict=True):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, f"{prefix}\n"), err
    for prefix in set(prefixes):
        aftermath.is_right(prefix)
    # With locks again, what is left by those who could not tell the living from the dead is swept.
    aftermath.heals(prefix=prefixes[0])
