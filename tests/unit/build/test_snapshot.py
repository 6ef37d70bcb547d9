"""Which files of a source tree belong to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.lab.project import commit

from fastenv.build.snapshot import Snapshot, take_snapshot

FILES = {
    "pyproject.toml": "[project]\n",
    "pkg/__init__.py": "",
    "pkg/data/x.bin": "x",
    "build/lib/pkg/old.py": "",
    "pkg.egg-info/PKG-INFO": "",
    "pkg/__pycache__/x.pyc": "",
    ".venv/pyvenv.cfg": "",
    "mine/pyvenv.cfg": "",
    "mine/lib/x.py": "",
}
WITHOUT_GIT = ("pkg/__init__.py", "pkg/data/x.bin", "pyproject.toml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def look(folder: Path) -> Snapshot:
    return take_snapshot(str(folder), os.environ)


def test_without_git(tree: Path) -> None:
    """Neither builds nor caches nor virtual environments."""
    assert look(tree).files == WITHOUT_GIT
    assert look(tree).head == ""


def test_with_git(tree: Path) -> None:
    """Tracked files, ignored or not, and new ones that are not ignored; not those that were deleted."""
    (tree / ".gitignore").write_text("build\n*.egg-info\n__pycache__\n.venv\nmine\n*.bin\n")
    (tree / "gone.py").write_text("")
    head = commit(tree)
    (tree / "gone.py").unlink()
    (tree / "new ä.py").write_text("")
    found = look(tree)
    assert found.files == (".gitignore", "new ä.py", "pkg/__init__.py", "pyproject.toml")
    assert found.head == head
    copy = found.copy_to(tree.parent / "room")
    assert sorted(path.name for path in copy.iterdir()) == [
        *(".git", ".gitignore", "new ä.py", "pkg", "pyproject.toml"),
    ]


def test_below_the_top_of_a_repository(tree: Path) -> None:
    """The project's own folder, unless its settings name what is above it."""
    (tree.parent / "README.md").write_text("")
    (tree.parent / ".gitignore").write_text("build\n*.egg-info\n__pycache__\n.venv\nmine\n")
    commit(tree.parent)
    found = look(tree)
    assert found.files == tuple(f"project/{name}" for name in WITHOUT_GIT)
    assert found.copy_to(tree.parent / "room") == tree.parent / "room" / "project"
    (tree / "pyproject.toml").write_text('[project]\nreadme = "../README.md"\n')
    assert "README.md" in look(tree).files


def test_a_project_in_an_ignored_folder(tree: Path) -> None:
    """Git knows nothing of it, so it is as if there were none."""
    (tree.parent / ".gitignore").write_text("/project/\n")
    commit(tree.parent)
    assert look(tree).files == WITHOUT_GIT


def test_what_changes_the_facts(tree: Path) -> None:
    """Contents, names and modes; not times."""

    def facts() -> str:
        found = look(tree)
        return "".join(found.facts(found.digests(lambda path: Path(path).read_text())))

    before = facts()
    os.utime(tree / "pkg" / "__init__.py", (1, 1))
    assert facts() == before
    (tree / "pkg" / "__init__.py").chmod(0o755)
    executable = facts()
    (tree / "pkg" / "__init__.py").write_text("A")
    edited = facts()
    (tree / "pkg" / "__init__.py").rename(tree / "pkg" / "other.py")
    assert len({before, executable, edited, facts()}) == 4


@pytest.mark.parametrize("git", [False, True])
def test_folders_behind_links(tree: Path, git: bool) -> None:
    """Packages wherever they are, and what is in the tree; no data of somewhere else, and no circles."""
    shared, data = tree.parent / "shared", tree.parent / "data"
    shared.mkdir()
    (shared / "__init__.py").write_text("")
    data.mkdir()
    (data / "large.bin").write_text("")
    links: dict[str, Path | str] = {
        "pkg/common": shared,
        "pkg/measured": data,
        "alias": "pkg/data",
        "pkg/self": "../pkg",
    }
    for link, target in links.items():
        (tree / link).symlink_to(target)
    if git:
        (tree / ".gitignore").write_text("build\n*.egg-info\n__pycache__\n.venv\nmine\n")
        commit(tree)
    expected = {*WITHOUT_GIT, "alias/x.bin", "pkg/common/__init__.py"}
    found = {name for name in look(tree).files if not name.startswith((".git", "pkg/self/"))}
    assert found == expected
    assert sorted(
        path.name for path in (look(tree).copy_to(tree.parent / "room") / "pkg/common").iterdir()
    ) == ["__init__.py"]
