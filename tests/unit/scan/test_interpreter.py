"""The interpreter is asked once, tells the truth, and runs nothing of the environment."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.unit.scan.environment import Environment, clean

from fastenv.exceptions import ScanError
from fastenv.scan import scan
from fastenv.scan.interpreter import ask, build_string

TOLD = """
import json, platform, sys, sysconfig
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "soabi": sysconfig.get_config_var("SOABI"),
    "cache_tag": sys.implementation.cache_tag,
    "build": ", ".join(platform.python_build()) + "; " + platform.python_compiler(),
    "prefix": sys.prefix, "base_prefix": sys.base_prefix,
}))
"""


def test_facts_are_what_the_interpreter_says_of_itself(environment: Environment) -> None:
    """Version, SOABI, build string and prefixes agree with platform and sysconfig run in the
    venv."""
    told = json.loads(
        subprocess.run([environment.python, "-c", TOLD], check=True, capture_output=True).stdout
    )
    facts = ask(str(environment.python), clean()).interpreter
    assert {key: getattr(facts, key) for key in told} == told
    assert facts.is_venv
    assert facts.executable == str(environment.python)


def test_base_executable_is_below_the_venv(environment: Environment) -> None:
    """The hint for nodes is the interpreter itself, by its most specific name, not the venv's
    link."""
    base = Path(ask(str(environment.python), clean()).interpreter.base_executable)
    assert not base.is_relative_to(environment.prefix)
    assert base.name == f"python{sysconfig.get_python_version()}"
    assert base.samefile(environment.python)


def test_platform(environment: Environment) -> None:
    """The machine, and the C library with its version."""
    found = ask(str(environment.python), clean()).platform
    assert (found.os, found.arch) == (sys.platform, platform.machine())
    assert (found.libc, found.libc_version) == platform.libc_ver()


def test_nothing_of_the_environment_runs(environment: Environment, tmp_path: Path) -> None:
    """Neither a .pth line nor sitecustomize is run by a scan; the .pth line is named."""
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n"
    (environment.site / "trap.pth").write_text(trap)
    (environment.site / "sitecustomize.py").write_text(trap)
    inventory = environment.scan()
    assert not (tmp_path / "sprung").exists()
    assert (str(environment.site / "trap.pth"), 1) in {(code.file, code.line) for code in inventory.pth_code}
    assert any("sitecustomize.py runs at start-up" in note for note in inventory.notes)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            "3.11.7 (main, Mar  3 2026, 10:00:00) [GCC 12.2.0]",
            "main, Mar  3 2026 10:00:00; GCC 12.2.0",
        ),
        (
            "3.10.4 | packaged by conda-forge | (main, Mar 24 2022, 17:39:04) [GCC 10.3.0]",
            "main, Mar 24 2022 17:39:04; GCC 10.3.0",
        ),
        (
            "3.12.1 (heads/3.12:2305ca5, Jan  1 2024, 00:00:00) [Clang 17.0.6 ]",
            "heads/3.12:2305ca5, Jan  1 2024 00:00:00; Clang 17.0.6 ",
        ),
        (
            "3.6.6 |Anaconda, Inc.| (default, Jun 28 2018, 17:14:51) \n[GCC 7.2.0]",
            "default, Jun 28 2018 17:14:51; GCC 7.2.0",
        ),
        ("what is this", "what is this"),
        (sys.version, f"{', '.join(platform.python_build())}; {platform.python_compiler()}"),
    ],
)
def test_build_string(version: str, expected: str) -> None:
    """It is what the platform module makes of sys.version."""
    assert build_string(version) == expected


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "cannot be started: No such file or directory"),
        (
            "#!/bin/sh\necho oops >&2; exit 3\n",
            "does not answer as Python does (exit status 3): oops",
        ),
        ("#!/bin/sh\necho hello\n", "it wrote 'hello"),
        ("#!/bin/sh\necho 3\n", "does not answer as Python does"),
    ],
)
def test_what_is_no_interpreter(tmp_path: Path, script: str | None, message: str) -> None:
    """An error of scan that names the file, says what it did, and what to give instead."""
    file = tmp_path / "python"
    if script is not None:
        file.write_text(script)
        file.chmod(0o755)
    with pytest.raises(ScanError) as caught:
        scan(python=file)
    assert message in str(caught.value)
    assert caught.value.path == str(file)


def test_prefix_finds_its_interpreter(environment: Environment, tmp_path: Path) -> None:
    """--prefix takes bin/python; a folder without one, or none at all, is an error with a hint."""
    assert scan(prefix=environment.prefix).prefix == str(environment.prefix)
    for folder, message in (
        (tmp_path, "has no bin/python"),
        (tmp_path / "absent", "is not a directory"),
    ):
        with pytest.raises(ScanError, match=message) as caught:
            scan(prefix=folder)
        assert caught.value.hint


def test_arguments_that_do_not_go_together(tmp_path: Path) -> None:
    """Two targets, an unknown layer, a command that is not on PATH."""
    with pytest.raises(ScanError, match="both python and prefix"):
        scan(python=sys.executable, prefix=tmp_path)
    with pytest.raises(ScanError, match="'all' or 'env'"):
        scan(layers="both")  # type: ignore[arg-type]
    with pytest.raises(ScanError, match="is not on PATH"):
        scan(python="python-that-is-not")


def test_a_relative_prefix(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in an inventory are absolute, however the target was named."""
    monkeypatch.chdir(environment.prefix.parent)
    assert Path(scan(prefix=environment.prefix.name).search_path[-1].path).is_absolute()
