"""`fastenv lock --check` where code was edited that was built or packed up for the lock. Nothing is built for that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.lab.lab import cli
from tests.lab.project import commit, make_project
from tests.lab.venv import install, make_venv, site_of

import fastenv
from fastenv import materialize, scan
from fastenv.cli.diff import diff as diff_command
from fastenv.lock import lock
from fastenv.lock.check import check_lock
from fastenv.testing import make_wheel

LOCK = "pylock.fastenv.toml"

pytestmark = pytest.mark.usefixtures("own_index")


def differences(folder: Path) -> list[str]:
    """The names of what the check finds."""
    return [it.name for it in check_lock(folder / LOCK, python=folder / "env/bin/python")]


def test_code_that_was_edited_since(folder: Path) -> None:
    """Of a project in a repository, and of a package that no index has."""
    log = folder / "log"
    project = make_project(folder / "tool", "tool", log=log)
    (project / ".gitignore").write_text("*.txt\n")
    commit(project)
    make_wheel(folder / "mine", "lost", "1.0", {"lost.py": "L = 1\n"})
    python = make_venv(folder / "env", "lost", links=folder / "mine")
    install(python, "--editable", str(project))
    lock(python=python, output=folder / LOCK)
    code, packed = project / "tool.py", site_of(python) / "lost.py"
    code.write_text("VALUE = 2\n")
    packed.write_text("L = 2\n")
    done = cli("lock", "--check", "--python", python, "-o", folder / LOCK, code=1)
    assert done.err == f"lock --check: compared with {folder / 'env'}\n2 differences\n"
    assert [line.split()[0] for line in done.out.splitlines() if "edited" in line] == ["lost", "tool"]
    packed.write_text("L = 1\n")
    assert differences(folder) == ["tool"]
    code.write_text("VALUE = 1\n")
    (project / "notes.txt").write_text("git ignores this")
    assert differences(folder) == []
    (project / "more.py").write_text("")  # neither tracked nor ignored
    assert differences(folder) == ["tool"]
    lock(python=python, output=folder / LOCK)
    commit(project)  # another commit of the same files
    assert differences(folder) == []
    assert len(log.read_text().splitlines()) == 2
    shutil.rmtree(project)
    (found,) = check_lock(folder / LOCK, python=python)
    assert found.right == f"its source folder {project} is not there"


def test_a_tree_that_is_shipped_as_it_lies(folder: Path) -> None:
    project = make_project(folder / "bad", "bad", files={"bad/__init__.py": "B = 1\n"}, root="src")
    (project / "fails").write_text("no such header")
    python = make_venv(folder / "env")
    install(python, "--editable", str(project))
    lock(python=python, output=folder / LOCK, on_build_failure="copy")
    assert differences(folder) == []
    (project / "README").write_text("which is not shipped")
    assert differences(folder) == []
    (project / "src/bad/__init__.py").write_text("B = 2\n")
    assert differences(folder) == ["bad"]


def diff(*sides: object) -> tuple[int, list[str], str]:
    """Exit status, the names that differ, and standard error of `fastenv diff`."""
    done = CliRunner().invoke(diff_command, [*map(str, sides), "--json"], catch_exceptions=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, [row["name"] for row in rows if row["event"] == "difference"], done.stderr


def test_diff_sees_what_check_sees(folder: Path) -> None:
    """Edited code of the same version is a difference between an environment and a lock, either way round."""
    project = make_project(folder / "tool", "tool")
    make_wheel(folder / "wheels", "base", "1.0", {"base.py": "B = 1\n"})
    tool = {"scripts/lost-tool": "#!python\nprint('as it was')\n"}
    make_wheel(folder / "mine", "lost", "1.0", {"lost.py": "L = 1\n"}, data=tool)
    python = make_venv(folder / "env", "lost", links=folder / "mine")
    shutil.rmtree(folder / "mine")
    install(python, "base", links=folder / "wheels")
    install(python, "--editable", str(project))
    made, kept, scanned = folder / LOCK, folder / "env", folder / "inventory.json"
    locked = lock(python=python, output=made)
    scanned.write_text(scan(python=python).to_json())
    copy = materialize(locked, root=folder / "root").prefix
    assert diff(kept, made) == (0, [], "")
    assert diff(copy, made) == (0, [], ""), "built and packed wheels, as they were installed"
    shutil.copytree(kept, folder / "twin", symlinks=True)
    assert diff(kept, folder / "twin") == (0, [], "")
    (project / "tool.py").write_text("VALUE = 2\n")
    (site_of(python) / "lost.py").write_text("L = 2\n")
    (site_of(python) / "base.py").write_text("B = 2\n")
    names = ["lost", "tool", "base"]
    assert diff(kept, made) == (1, names, "")
    assert diff(made, kept) == (1, names, "")
    (row,) = (it for it in fastenv.diff(kept, made) if it.name == "tool")
    assert (row.what, row.left, row.right) == ("files", "its source tree was edited", "as locked")
    assert diff(kept, folder / "twin") == (1, ["base", "lost"], "")
    (site_of(python) / "lost.py").write_text("L = 1\n")
    script = folder / "env/bin/lost-tool"
    script.write_text(script.read_text().replace("as it was", "edited"))
    (row,) = (it for it in check_lock(made, python=python) if it.name == "lost")
    assert row.right == "its scripts were edited"
    said = "warning: compared by version alone, since an inventory does not tell the code: lost, tool\n"
    assert diff(scanned, made) == (0, [], said)
