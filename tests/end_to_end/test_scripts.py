"""Scripts run: whatever the prefix is called, and whoever calls them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.lab.lab import Lab, run
from tests.lab.records import record_faults

MODULE = """
import sys

def main():
    print("main", *sys.argv[1:])
    return 3

class Deep:
    class Er:
        @staticmethod
        def run():
            print("deep")
"""
PREFIXES = {
    "plain": "env",
    "longer than the kernel reads": "x" * 130,
    "with a blank": "my env",
    "with all that a shell knows": "a $HOME `b` \"c\" 'd' \\e & f",
    "beyond ASCII": "größe",
}


@pytest.fixture
def wheel(lab: Lab) -> Path:
    return lab.wheel(
        "tools",
        files={"tools.py": MODULE},
        data={
            "scripts/plain": "#!python\nimport sys\nprint('plain', sys.prefix)\n",
            "scripts/optioned": "#!python -E\nimport sys\nprint('optioned', sys.flags.ignore_environment)\n",
            "scripts/windows-lines": "#!python\r\nprint('windows')\r\n",
            "scripts/shell": '#!/bin/sh\necho shell "$1"\n',
        },
        entry_points={
            "console_scripts": {"run": "tools:main", "deep": "tools:Deep.Er.run [extra,other]"},
            "gui_scripts": {"window": "tools:main"},
        },
    )


@pytest.mark.parametrize("name", PREFIXES.values(), ids=PREFIXES)
def test_scripts_run_in_a_prefix(lab: Lab, wheel: Path, name: str) -> None:
    prefix = lab.materialize(lab.lock(wheel), prefix=name)
    assert record_faults(prefix) == []
    said = {}
    for script in ("run", "deep", "window", "plain", "windows-lines", "shell"):
        done = run([str(prefix / "bin" / script), "a b"], env=lab.environ)
        said[script] = (done.code, done.out, done.err)
    assert said == {
        "run": (3, "main a b\n", ""),
        "deep": (0, "deep\n", ""),
        "window": (3, "main a b\n", ""),
        "plain": (0, f"plain {prefix}\n", ""),
        "windows-lines": (0, "windows\n", ""),
        "shell": (0, "shell a b\n", ""),
    }


def test_options_of_a_first_line_are_kept(lab: Lab, wheel: Path) -> None:
    prefix = lab.materialize(lab.lock(wheel))
    assert run([str(prefix / "bin/optioned")], env=lab.environ).out == "optioned 1\n"


def test_a_script_finds_its_environment_from_anywhere(lab: Lab, wheel: Path, tmp_path: Path) -> None:
    """By a link, from another folder, with an empty PATH."""
    prefix = lab.materialize(lab.lock(wheel))
    link = tmp_path / "link"
    link.symlink_to(prefix / "bin/plain")
    environ = {**lab.environ, "PATH": ""}
    assert run([str(link)], env=environ, cwd=tmp_path).out == f"plain {prefix}\n"


def test_an_extra_that_is_not_there_is_no_hindrance(lab: Lab) -> None:
    """The target's module may need an extra: making the script does not import it."""
    points = {"console_scripts": {"lacking": "absent.module:main [extra]"}}
    prefix = lab.materialize(lab.lock(lab.wheel("tools", entry_points=points)))
    done = run([str(prefix / "bin/lacking")], env=lab.environ)
    assert "No module named 'absent'" in done.err


def test_odd_entry_points(lab: Lab) -> None:
    """Comments, blanks, empty groups, names with dots, and a first line that opens no group."""
    text = (
        "# a comment\n\n[console_scripts]\nwith.dot-and_more=tools : main\n  spaced   =   tools:main  \n"
        "; another\n[empty]\n[gui_scripts]\n"
    )
    wheel = lab.wheel("tools", files={"tools.py": MODULE}, entry_points=text)
    prefix = lab.materialize(lab.lock(wheel))
    for name in ("with.dot-and_more", "spaced"):
        assert run([str(prefix / "bin" / name)], env=lab.environ).out == "main\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", PREFIXES.values(), ids=PREFIXES)
def test_activate_and_deactivate(lab: Lab, wheel: Path, shell: str, name: str) -> None:
    prefix = lab.materialize(lab.lock(wheel), prefix=name)
    text = (
        'set -eu; before="$PATH"; export PYTHONHOME=/nowhere; . "$1/bin/activate"; '
        'command -v python; printf "%s\\n" "$VIRTUAL_ENV" "${PYTHONHOME-none}"; plain; '
        'deactivate; [ "$PATH" = "$before" ]; echo "${VIRTUAL_ENV-none} $PYTHONHOME"'
    )
    done = run([shell, "-c", text, shell, str(prefix)], env=lab.environ)
    assert done.err == ""
    assert done.out == (f"{prefix}/bin/python\n{prefix}\nnone\nplain {prefix}\nnone /nowhere\n")


def test_activating_twice_is_activating_once(lab: Lab, wheel: Path) -> None:
    prefix = lab.materialize(lab.lock(wheel))
    text = f'before="$PATH"; . {prefix}/bin/activate; . {prefix}/bin/activate; deactivate; [ "$PATH" = "$before" ]'
    assert run(["sh", "-c", text], env=lab.environ).code == 0
    assert os.access(prefix / "bin/python", os.X_OK)
