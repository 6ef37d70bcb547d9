"""When the wheel of an edited project is made without a build."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fastenv.build.replacement import replaced, state_of_build
from fastenv.build.snapshot import take_snapshot
from fastenv.build.wheel_file import Contents, Entry

SETTINGS = 'name = "pkg"\nreadme = "README.md"\n[tool.x]\nversion-from = "pkg/about.py"\n'
FILES = {
    "pyproject.toml": SETTINGS,
    "README.md": "read",
    "src/pkg/__init__.py": "A = 1\n",
    "src/pkg/about.py": "x = 1\n",
    "src/pkg/stated.py": "__version__ = '1'\n",
    "src/pkg/inner.py": "B = 1\n",
    "src/pkg/fast.pyx": "C = 1\n",
    "src/pkg/made.py": "to be changed by the build\n",
    "tests/test_it.py": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(text)
    return tmp_path / "p"


def built(tree: Path, tag: str = "py3-none-any") -> Contents:
    """As a backend would that copies all but one file, which it changes."""
    entries = [
        Entry(f"pkg/{path.name}", path.read_bytes().replace(b"to be changed", b"changed"))
        for path in sorted((tree / "src/pkg").iterdir())
    ]
    return Contents(f"pkg-1.0-{tag}.whl", "pkg-1.0", (*entries, Entry("pkg-1.0.dist-info/METADATA", b"M")))


def written(name: str, text: str) -> Callable[[Path], object]:
    return lambda tree: (tree / name).write_text(text)


EDITS: dict[str, tuple[Callable[[Path], object], bool]] = {
    "nothing": (lambda _: None, True),
    "a module": (written("src/pkg/inner.py", "B = 2\n"), True),
    "the package": (written("src/pkg/__init__.py", "A = 2\n"), True),
    "settings": (written("pyproject.toml", SETTINGS + "\n"), False),
    "what settings name": (written("src/pkg/about.py", "x = 2\n"), False),
    "what is not in the wheel": (written("README.md", "new"), False),
    "a stated version": (written("src/pkg/stated.py", "__version__ = '2'\n"), False),
    "a version that is stated now": (written("src/pkg/inner.py", "version = '2'\n"), False),
    "what is compiled": (written("src/pkg/fast.pyx", "C = 2\n"), False),
    "what the build changed": (written("src/pkg/made.py", "to be changed again\n"), False),
    "a new file": (written("src/pkg/new.py", ""), False),
    "a deleted file": (lambda tree: (tree / "src/pkg/inner.py").unlink(), False),
    "a mode": (lambda tree: (tree / "src/pkg/inner.py").chmod(0o755), False),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits(tree: Path, name: str) -> None:
    edit, expected = EDITS[name]
    found, state = replaced_after(tree, edit)
    assert (found is not None) == expected
    if found is not None:
        assert {it.name: it.source for it in found.entries} == {
            it.name: it.source for it in built(tree).entries
        }
    assert state["copied"]["pkg/inner.py"] == "src/pkg/inner.py"


def test_machine_code_is_always_built(tree: Path) -> None:
    found, _ = replaced_after(tree, EDITS["a module"][0], tag="cp311-cp311-linux_x86_64")
    assert found is None


def replaced_after(
    tree: Path, edit: Callable[[Path], object], tag: str = "py3-none-any"
) -> tuple[Contents | None, dict[str, dict[str, str]]]:
    from hashlib import sha256

    def look(path: str) -> str:
        return sha256(Path(path).read_bytes()).hexdigest()

    before, contents = take_snapshot(str(tree), os.environ), built(tree, tag)
    state = state_of_build("key", before, before.digests(look), contents)
    edit(tree)
    after = take_snapshot(str(tree), os.environ)
    return replaced(contents, state, after, after.digests(look), SETTINGS), state
