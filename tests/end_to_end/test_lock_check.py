"""`fastenv lock --check` where code was edited that was built or packed up for the lock. Nothing is built for that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.index_server import IndexServer
from tests.lab.project import commit, make_project
from tests.lab.venv import alone, install, make_venv, site_of

from fastenv.lock import lock
from fastenv.lock.check import check_lock
from fastenv.testing import make_wheel

LOCK = "pylock.fastenv.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user whose index has nothing of interest."""
    alone(monkeypatch, tmp_path / "home")
    (tmp_path / "wheels").mkdir()
    with IndexServer(tmp_path / "wheels") as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("FASTENV_PUBLIC_INDEXES", index.url)
        yield tmp_path


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
    words = ["lock", "--check", "--python", str(python), "-o", str(folder / LOCK)]
    done = subprocess.run(
        [sys.executable, "-m", "fastenv", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done
    assert done.stderr == f"lock --check: compared with {folder / 'env'}\n2 differences\n"
    assert [line.split()[0] for line in done.stdout.splitlines() if "edited" in line] == ["lost", "tool"]
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
