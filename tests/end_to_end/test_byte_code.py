"""Byte code: made once, in the background or at once, linked into every environment, and never stale."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.lab.lab import Lab

import fastenv

MAKES = {"FASTENV_NO_COMPILE": ""}
MODULE = "def where():\n    raise ValueError('here')\n"


@pytest.fixture
def lock(lab: Lab) -> Path:
    files = {
        "pkg/__init__.py": "",
        "pkg/mod.py": MODULE,
        "pkg/sub/deep.py": "x = 1\n",
        "pkg/old.py": "print 'of Python 2'\n",
        "single.py": "y = 2\n",
    }
    return lab.lock(lab.wheel("pkg", files=files))


def byte_code(prefix: Path) -> dict[str, int]:
    """Inodes of all .pyc, by path below site-packages."""
    (site,) = prefix.glob("lib/python*/site-packages")
    return {str(path.relative_to(site)): path.stat().st_ino for path in site.rglob("*.pyc")}


def wait_for_child(lab: Lab) -> None:
    """Until nobody makes byte code in this store."""
    # It has the lowest priority, and others may be at work here.
    deadline = time.monotonic() + 240
    requests = lab.store / "bytecode-requests"
    while time.monotonic() < deadline:
        # While there are requests the turn is the child's: one that finds it taken believes that another serves them.
        if not list(requests.iterdir()):
            with (lab.store / "flocks/bytecode").open("a") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                if not list(requests.iterdir()):
                    return
        time.sleep(0.01)
    pytest.fail("the requests for byte code were not served")


def python(prefix: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(prefix / "bin/python"), *options, "-c", code]
    environ = {"PATH": os.defpath}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_it_comes_in_the_background_and_later_environments_have_it_at_once(lab: Lab, lock: Path) -> None:
    done = lab.run("materialize", lock, env=MAKES)
    assert done.code == 0, done.err
    first = Path(done.out.strip())
    wait_for_child(lab)
    made = byte_code(first)
    tag = sys.implementation.cache_tag
    assert set(made) == {
        f"pkg/__pycache__/__init__.{tag}.pyc",
        f"pkg/__pycache__/mod.{tag}.pyc",
        f"pkg/sub/__pycache__/deep.{tag}.pyc",
        f"__pycache__/single.{tag}.pyc",
    }
    second = lab.run("materialize", lock, "--prefix", lab.prefix("second"), env=MAKES)
    assert second.code == 0, second.err
    assert byte_code(lab.prefix("second")) == made, "not the store's own files"
    assert lab.run("verify", "--full", first).code == 0
    assert lab.residue() == []


def test_python_takes_it_and_leaves_it(lab: Lab, lock: Path) -> None:
    prefix = lab.materialize(lock, "--compile")
    made = byte_code(prefix)
    said = python(prefix, "import pkg.mod, pkg.sub.deep, single", "-v")
    assert said.returncode == 0, said.stderr
    assert said.stderr.count("matches") >= len(made), "Python did not take it"
    assert byte_code(prefix) == made


def test_a_traceback_names_the_file_of_the_environment(lab: Lab, lock: Path) -> None:
    prefix = lab.materialize(lock, "--compile")
    said = python(prefix, "import pkg.mod; pkg.mod.where()")
    (module,) = prefix.glob("lib/python*/site-packages/pkg/mod.py")
    assert f'File "{module}", line 2, in where' in said.stderr
    assert "raise ValueError('here')" in said.stderr


def test_what_the_user_edits_is_what_runs(lab: Lab, lock: Path) -> None:
    prefix = lab.materialize(lock, "--compile")
    (module,) = prefix.glob("lib/python*/site-packages/single.py")
    module.unlink()
    module.write_text("y = 3\n")
    assert python(prefix, "import single; print(single.y)").stdout == "3\n"


def test_another_wheel_with_a_source_of_the_same_size_runs_its_own(lab: Lab) -> None:
    for number in (1, 2):
        lock = lab.lock(lab.wheel("same", version=f"{number}.0", files={"same.py": f"x = {number}\n"}))
        prefix = lab.materialize(lock, "--compile")
        assert python(prefix, "import same; print(same.x)").stdout == f"{number}\n"


def test_a_file_that_lost_its_path_leaves_no_byte_code(lab: Lab) -> None:
    one = lab.wheel("one", files={"shared.py": "x = 'one'\n", "own.py": ""})
    two = lab.wheel("two", files={"shared.py": "x = 'two'\n"})
    lock = lab.lock(one, two, contested={"site/shared.py": ("one", ["one", "two"])})
    prefix = lab.materialize(lock, "--compile")
    assert python(prefix, "import shared; print(shared.x)").stdout == "one\n"
    said = python(prefix, "import shared", "-v")
    assert "shared" in said.stderr
    assert len(byte_code(prefix)) == 2


def test_byte_code_that_a_wheel_brings_stays_the_wheels(lab: Lab) -> None:
    cached = f"__pycache__/mine.{sys.implementation.cache_tag}.pyc"
    lock = lab.lock(lab.wheel("mine", files={"mine.py": "x = 1\n", cached: "not byte code"}))
    prefix = lab.materialize(lock, "--compile")
    (found,) = prefix.glob(f"lib/python*/site-packages/{cached}")
    assert found.read_text() == "not byte code"


@pytest.mark.parametrize("mode", ["copy", "hardlink"])
def test_it_fits_in_every_link_mode(lab: Lab, lock: Path, mode: str) -> None:
    lab.materialize(lock, "--compile", prefix="first")
    prefix = lab.materialize(lock, "--compile", "--link-mode", mode, prefix="second")
    said = python(prefix, "import pkg.mod, single", "-v")
    assert said.stderr.count("matches") >= 3, said.stderr


def test_no_compile_neither_makes_nor_links(lab: Lab, lock: Path) -> None:
    lab.materialize(lock, "--compile", prefix="first")
    assert byte_code(lab.materialize(lock, "--no-compile", prefix="second")) == {}
    lab.run("materialize", lock, "--prefix", lab.prefix("third"), env={"FASTENV_NO_COMPILE": "1"})
    assert byte_code(lab.prefix("third")) == {}


def test_from_python(lab: Lab, lock: Path) -> None:
    report = fastenv.materialize(lock, root=lab.root, compile=True)
    assert byte_code(report.prefix)
    report = fastenv.materialize(lock, root=lab.root, prefix=lab.prefix("bare"), compile=False)
    assert not byte_code(report.prefix)


def test_exec_starts_the_child_and_nothing_of_the_callers_reaches_it(lab: Lab) -> None:
    files = {f"mod{number}.py": "x = [\n" + "  (1, 2, 3),\n" * 20_000 + "]\n" for number in range(4)}
    lock = lab.lock(lab.wheel("large", files=files))
    reading, writing = os.pipe()
    command = lab.command("exec", lock, "--", "true")
    ended = subprocess.run(
        command, env={**lab.environ, **MAKES}, capture_output=True, pass_fds=[writing], check=True
    )
    os.close(writing)
    assert (ended.stdout, ended.stderr) == (b"", b"")
    assert os.read(reading, 1) == b"", "the pipe is held open"
    os.close(reading)
    wait_for_child(lab)
    (prefix,) = (lab.store / "envs").iterdir()
    assert len(byte_code(prefix)) == 4


def children(lab: Lab) -> list[int]:
    """Processes that make byte code in this store."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"bytecode" in words and os.fsencode(lab.root) in words:
                found.append(int(entry.name))
    return found


def test_a_child_that_was_killed_loses_nothing(lab: Lab) -> None:
    files = {f"mod{number}.py": "x = [\n" + "  (1, 2, 3),\n" * 20_000 + "]\n" for number in range(20)}
    lock = lab.lock(lab.wheel("large", files=files), lab.wheel("small", files={"small.py": "x = 1\n"}))
    assert lab.run("materialize", lock, env=MAKES).code == 0
    (prefix,) = (lab.store / "envs").iterdir()
    deadline = time.monotonic() + 30
    while not (found := children(lab)) and time.monotonic() < deadline:
        time.sleep(0.005)
    for number in found:
        os.kill(number, signal.SIGKILL)
    # One that is not dead yet still has its turn, and nobody would be started.
    with (lab.store / "flocks/bytecode").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
    assert lab.run("exec", lock, "--", "true", env=MAKES).code == 0
    wait_for_child(lab)
    assert len(byte_code(prefix)) == 21
    assert lab.residue() == []


def test_a_warm_exec_starts_no_child(lab: Lab, lock: Path) -> None:
    lab.materialize(lock, "--compile", prefix=None)
    assert lab.run("exec", lock, "--", "true", env=MAKES).code == 0
    assert not list((lab.store / "bytecode-requests").iterdir())
    assert children(lab) == []


def test_one_environment_that_cannot_get_it_keeps_it_from_no_other(lab: Lab) -> None:
    locks = [lab.lock(lab.wheel(name), name=f"pylock.{name}.toml") for name in ("one", "two", "three")]
    prefixes = {lab.materialize(lock, prefix=None): lock for lock in locks}
    with (lab.store / "flocks/bytecode").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # so that all are asked for before any is made
        for lock in locks:
            assert lab.run("exec", lock, "--", "true", env=MAKES).code == 0
    requests = sorted((lab.store / "bytecode-requests").iterdir())
    assert len(requests) == len(locks)
    broken, *_, good = (Path(request.read_text()) for request in requests)
    (broken / ".fastenv/manifest").write_bytes(b"damaged")
    assert lab.run("exec", prefixes[good], "--", "true", env=MAKES).code == 0
    wait_for_child(lab)
    assert {prefix for prefix in prefixes if byte_code(prefix)} == set(prefixes) - {broken}
