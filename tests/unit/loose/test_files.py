"""Which files of a folder are shipped, and which never."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from fastenv.exceptions import FileSystemError
from fastenv.loose.archive import pack
from fastenv.loose.files import Rule, choose_files
from fastenv.loose.patterns import Patterns


def write(folder: Path, *paths: str, text: str = "x = 1\n") -> Path:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def chosen(folder: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    rule = Rule(Patterns(include), Patterns(exclude))
    return [it.path for it in choose_files(str(folder), rule).files]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileSystemError, match="absent cannot be read"):
        choose_files(str(tmp_path / "absent"), Rule())


def test_names_that_no_archive_can_have(tmp_path: Path) -> None:
    folder = write(tmp_path, "good.py", "back\\slash.py", "new\nline.py")
    Path(os.fsdecode(os.fsencode(folder) + b"/latin\xe9.py")).write_text("")
    os.mkfifo(folder / "pipe.py")
    (folder / "gone.py").symlink_to("nowhere")
    (folder / "circle").symlink_to(".")
    assert chosen(folder) == ["good.py"]
    assert sorted(choose_files(str(folder), Rule()).odd) == [
        "back\\slash.py",
        "latin\udce9.py",
        "new\nline.py",
    ]


@pytest.mark.parametrize("repository", [False, True], ids=["bare", "git"])
def test_what_is_never_code(repository: bool, tmp_path: Path) -> None:
    folder = write(tmp_path, "m.py", "pkg/__init__.py", "pkg/data/x.json", "with space/ä.txt")
    write(folder, "node_modules/a/b.js", "__pycache__/m.pyc", ".mypy_cache/x", "pkg/__pycache__/y.pyc")
    write(folder, "env/pyvenv.cfg", "env/lib/x.py", "conda/conda-meta/x.json", "conda/lib/y.py")
    write(folder, "thing.egg-info/PKG-INFO", "pylock.fastenv.toml", "pylock.fastenv.d/ab/x.whl")
    if repository:
        git(folder, "init", "-q")
    assert chosen(folder) == ["m.py", "pkg/__init__.py", "pkg/data/x.json", "with space/ä.txt"]


@pytest.mark.parametrize("repository", [False, True], ids=["bare", "git"])
def test_what_git_ignores(repository: bool, tmp_path: Path) -> None:
    """The same with git and without; what the rules say goes before it."""
    folder = write(tmp_path, "m.py", "raw/big.csv", "sub/m.log", "sub/keep.log", "model.bin")
    (folder / ".gitignore").write_text("raw/\n*.bin\n")
    (folder / "sub" / ".gitignore").write_text("*.log\n!keep.log\n")
    if repository:
        git(folder, "init", "-q")
    own = [".gitignore", "m.py", "sub/.gitignore", "sub/keep.log"]
    assert chosen(folder) == own
    assert chosen(folder, include=("*.bin", "raw/*.csv"), exclude=(".gitignore",)) == [
        "m.py",
        "model.bin",
        "raw/big.csv",
        "sub/keep.log",
    ]
    assert chosen(folder, include=("*",), exclude=("sub/", "*.csv")) == [".gitignore", "m.py", "model.bin"]


def test_a_folder_below_the_top_of_a_repository(tmp_path: Path) -> None:
    write(tmp_path, "other.py", "lib/m.py", "lib/deleted.py", "build/out.py", "lib/nested/inner.py")
    (tmp_path / ".gitignore").write_text("build/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path / "lib" / "nested", "init", "-q")
    git(tmp_path, "add", "lib/m.py", "lib/deleted.py")
    (tmp_path / "lib" / "deleted.py").unlink()
    assert chosen(tmp_path / "lib") == ["m.py", "nested/inner.py"]
    # a folder of the search path is shipped, whatever git thinks of it
    assert chosen(tmp_path / "build") == ["out.py"]


def test_secrets_stay_and_are_named(tmp_path: Path) -> None:
    folder = write(
        tmp_path, "m.py", ".env", "conf/.env.local", "key.pem", ".ssh/config", "id_rsa", "environ.py"
    )
    choice = choose_files(str(folder), Rule())
    assert [it.path for it in choice.files] == ["environ.py", "m.py"]
    assert choice.secrets == [".env", ".ssh/config", "conf/.env.local", "id_rsa", "key.pem"]
    assert ".env" in chosen(folder, include=(".env",))


def test_links_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "a.py")
    folder = write(tmp_path / "here", "m.py")
    (folder / "inner").symlink_to(tmp_path / "elsewhere")
    (folder / "b.py").symlink_to(tmp_path / "elsewhere" / "a.py")
    assert chosen(folder) == ["b.py", "inner/a.py", "m.py"]
    git(folder, "init", "-q")
    assert chosen(folder) == ["b.py", "inner/a.py", "m.py"]


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    one = write(tmp_path / "one", "b.py", "a/c.py", "tool.sh")
    (one / "tool.sh").chmod(0o700)
    first = pack("src", choose_files(str(one), Rule()).files, tmp_path / "first.zip")
    os.utime(one / "b.py", (1, 1))
    other = pack("src", choose_files(str(one), Rule()).files, tmp_path / "other.zip")
    assert first.sha256 == other.sha256
    with zipfile.ZipFile(first.path) as archive:
        modes = {it.filename: it.external_attr >> 16 for it in archive.infolist()}
    assert modes == {"src/a/c.py": 0o100644, "src/b.py": 0o100644, "src/tool.sh": 0o100755}
    (one / "b.py").write_text("x = 2\n")
    assert pack("src", choose_files(str(one), Rule()).files, tmp_path / "x.zip").sha256 != first.sha256


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    files = choose_files(str(write(tmp_path / "src", "m.py")), Rule()).files
    (tmp_path / "src" / "m.py").unlink()
    with pytest.raises(FileSystemError, match=r"m\.py cannot be packed up"):
        pack("src", files, tmp_path / "x.zip")
