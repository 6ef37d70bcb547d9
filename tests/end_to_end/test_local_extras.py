"""Packages for the nodes alone that no index has: a folder, a file, a Git repository."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from tests.end_to_end.test_loose_code import asked, cli
from tests.lab.lab import Lab
from tests.lab.project import commit, make_project

from fastenv.exceptions import LockError
from fastenv.lock import Lock, lock
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
    done = cli(lab, "lock", "--prefix", original)
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
    assert cli(lab, "lock", "--prefix", original, "--check").code == 0
    assert not list(folder.glob("tool/build")) + list(folder.glob("tool/*.egg-info"))
    made = lab.materialize(folder / "pylock.fastenv.toml")
    code = "import tool, ready, helper, packed, from_git; print(tool.VALUE, from_git.VALUE)"
    assert asked(made, code) == "1 1"
    # an edit ships with the next lock; what has not changed is not built again
    (folder / "tool/tool.py").write_text("VALUE = 5\n")
    assert cli(lab, "lock", "--prefix", original).code == 0
    again = {it.name: it.sha256 for it in Lock.read(folder / "pylock.fastenv.toml").packages}
    assert {name for name, row in rows.items() if row.sha256 != again[name]} == {"tool"}
