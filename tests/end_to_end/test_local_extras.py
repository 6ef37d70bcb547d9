"""Packages for the nodes alone that no index has: a folder, a file, a Git repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lab.copies import says
from tests.lab.lab import Lab
from tests.lab.project import commit, make_project
from tests.lab.venv import alone
from tests.unit.lock.inventories import inventory

from fastenv.exceptions import LockError
from fastenv.local_requirement import local_requirement
from fastenv.lock import Lock, lock
from fastenv.lock.build_site import BuildSite
from fastenv.lock.local_extras import LocalExtras, MadeExtra
from fastenv.lock.sources import Network, Sources
from fastenv.scan import scan
from fastenv.settings import Rules
from fastenv.testing import make_wheel


@pytest.fixture
def original(lab: Lab) -> Path:
    return lab.original(lab.wheel("lib"))


def test_bad_input(lab: Lab, original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there, is no project, is not what it is called, or can't be built is told; nothing is written."""
    folder = lab.folder
    for name, value in {**lab.environ, "UV_DEFAULT_INDEX": lab.index.url}.items():
        monkeypatch.setenv(name, value)
    inventory = scan(prefix=original)
    (folder / "empty").mkdir()
    (folder / "notes.txt").touch()
    (folder / "bad-1.0-py3-none-any.whl").write_text("no wheel")
    make_project(folder / "tool", "tool")
    make_project(folder / "own", "lib")
    broken = make_project(folder / "broken", "broken")
    (broken / "tiny_backend.py").write_text(
        "def build_wheel(*_):\n    raise SystemExit('the backend says no')\n"
    )
    make_wheel(folder, "needy", "1.0", requires=[f"other @ {(folder / 'tool').as_uri()}"])
    for text, said in (
        ("./absent", "absent is not there"),
        ("./notes.txt", "notes.txt is no folder, wheel or source archive"),
        ("./empty", "has neither pyproject.toml nor setup.py, so it is no project"),
        ("./bad-1.0-py3-none-any.whl", "it is not a sound wheel"),
        (f"other @ {(folder / 'tool').as_uri()}", "what was found there is tool"),
        ("./own", "extra names lib, which the environment has itself"),
        ("./broken", "the backend says no"),
        (f"git+{(folder / 'nowhere').as_uri()}", "git says: "),
        (
            "./needy-1.0-py3-none-any.whl",
            "do not go with what is installed: Building source distributions for `other`",
        ),
    ):
        with pytest.raises(LockError) as caught:
            lock(
                inventory,
                rules=Rules(folder=folder).plus(extra=[text]),
                output=folder / "pylock.fastenv.toml",
            )
        assert said in str(caught.value), text
    assert not list(folder.glob("pylock*"))


def test_each_kind_travels(lab: Lab, original: Path) -> None:
    """A folder, one in a repository by its commit and subfolder, a source archive, a wheel and what it requires."""
    folder = lab.folder
    make_project(folder / "tool", "tool", files={"tool.py": "VALUE = 1\n"})
    lab.wheel("helper", "1.5")
    wheel = make_wheel(folder, "ready", "2.0", requires=["helper", "lib"])
    repository = folder / "repository"
    make_project(repository / "python", "from-git", "3.0")
    revision = commit(repository)
    (repository / "python/from_git.py").write_text("VALUE = 2\n")
    commit(repository)
    packed = make_project(folder / "packed", "packed", "4.0")
    with tarfile.open(folder / "packed-4.0.tar.gz", "w:gz") as archive:
        archive.add(packed, "packed-4.0")
    extra = [
        "./tool",
        f"./{wheel.name}",
        f"git+{repository.as_uri()}@{revision}#subdirectory=python",
        f"packed @ {(folder / 'packed-4.0.tar.gz').as_uri()}",
    ]
    (folder / "fastenv.toml").write_text(f"extra = {json.dumps(extra)}\n")
    done = lab.cli("lock", "--prefix", original)
    assert done.code == 0, done.err
    made_lock = Lock.read(folder / "pylock.fastenv.toml")
    rows = {it.name: it for it in made_lock.packages}
    assert [(it.name, it.version, it.origin, it.extra, it.requested) for it in made_lock.packages] == [
        ("from-git", "3.0", "built", True, True),
        ("helper", "1.5", "index", True, False),
        ("lib", "1.0", "index", False, True),
        ("packed", "4.0", "built", True, True),
        ("ready", "2.0", "local", True, True),
        ("tool", "1.0", "built", True, True),
    ]
    assert rows["from-git"].commit == revision
    assert rows["tool"].reason == "an extra from a folder"
    assert all((folder / str(rows[name].path)).is_file() for name in ("tool", "ready", "packed", "from-git"))
    assert str(folder) not in made_lock.text.replace(str(original), "")
    assert lab.cli("lock", "--prefix", original, "--check").code == 0
    assert not list(folder.glob("tool/build")) + list(folder.glob("tool/*.egg-info"))
    made = lab.materialize(folder / "pylock.fastenv.toml")
    code = "import tool, ready, helper, packed, from_git; print(tool.VALUE, from_git.VALUE)"
    assert says(made / "bin/python", code) == "1 1"
    # an edit ships with the next lock; what has not changed is not built again
    (folder / "tool/tool.py").write_text("VALUE = 5\n")
    assert lab.cli("lock", "--prefix", original).code == 0
    again = {it.name: it.sha256 for it in Lock.read(folder / "pylock.fastenv.toml").packages}
    assert {name for name, row in rows.items() if row.sha256 != again[name]} == {"tool"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuildSite]:
    """Where extras are built for a user who has no index."""
    alone(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scanned = inventory()
    assert scanned.interpreter is not None
    facts = replace(scanned.interpreter, executable=sys.executable)
    site = BuildSite(
        replace(scanned, interpreter=facts),
        Sources((), (), Network()),
        os.environ,
        timeout_s=60.0,
        secrets=(),
    )
    yield site
    site.close()


def made_of(text: str, folder: Path, site: BuildSite) -> MadeExtra:
    wanted = local_requirement(text)
    assert wanted is not None
    return LocalExtras(site, os.environ, lambda _: None).make([wanted], folder)[0]


def test_another_version_of_the_backend(
    tmp_path: Path, site: BuildSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder and a source archive are built again once their backend is another one, and only then."""
    log = tmp_path / "log"
    project = make_project(tmp_path / "tool", "tool", log=log)
    with tarfile.open(tmp_path / "tool-1.0.tar.gz", "w:gz") as archive:
        archive.add(project, "tool-1.0")
    counts = []
    for version in ("1", "1", "2"):
        monkeypatch.setattr(site, "backend", lambda _, version=version: (f"backend=={version}",))
        for text in ("./tool", "./tool-1.0.tar.gz"):
            made_of(text, tmp_path, site)
        counts.append(len(log.read_text().splitlines()))
    assert counts == [2, 2, 4]


def test_git_in_a_hook(tmp_path: Path, site: BuildSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of a hook name its own repository: that is neither read nor changed. A file is no revision."""
    ours, theirs = make_project(tmp_path / "ours", "ours"), make_project(tmp_path / "theirs", "theirs")
    head = commit(ours)
    revision = commit(theirs)
    (theirs / "theirs.py").write_text("VALUE = 2\n")
    commit(theirs)
    monkeypatch.setenv("GIT_DIR", str(ours / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(ours))
    made = made_of(f"git+{theirs.as_uri()}@{revision}", tmp_path, site)
    assert (made.pin.name, made.commit) == ("theirs", revision)
    with pytest.raises(LockError, match="git says"):
        made_of(f"git+{theirs.as_uri()}@theirs.py", tmp_path, site)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    told = subprocess.run(["git", "-C", ours, "log", "-1", "--format=%H"], capture_output=True, check=True)
    assert told.stdout.decode().strip() == head
    site.close()
    assert not list(tmp_path.glob("fastenv-*"))
