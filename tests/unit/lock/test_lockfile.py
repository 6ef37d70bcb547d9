"""Reading a lock: what is taken, and how each thing that is wrong is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from tests.env_id_oracle import env_id
from tests.unit.lock.locks import A, B, C, a_conda_lock, a_lock

from fastenv.exceptions import FileSystemError, LockFormatError
from fastenv.lock import Lock, toml
from fastenv.lock.compose import render
from fastenv.lock.lockfile import (
    LockedContested,
    compute_env_id,
)

GOLDEN = f"""\
lock-version = "1.0"
requires-python = "==3.11.*"
created-by = "fastenv"

[[packages]]
name = "alpha"
version = "1.0+local.1"
index = "https://index.example/simple"
wheels = [{{ name = "alpha-1.0+local.1-py3-none-any.whl", \
url = "https://files.example/alpha-1.0%2Blocal.1-py3-none-any.whl", size = 123, hashes = {{ sha256 = "{A}" }} }}]

[packages.tool.fastenv]
origin = "index"
requested = true
layer = "env"
files-digest = "{C}"

[[packages]]
name = "beta"
version = "2.0"
wheels = [{{ name = "beta-2.0-py3-none-any.whl", \
path = "pylock.fastenv.d/{B}/beta-2.0-py3-none-any.whl", hashes = {{ sha256 = "{B}" }} }}]

[packages.tool.fastenv]
origin = "local"
index-name = "inner"
requested = false

[tool.fastenv]
format = 1
env-id = "ENV-ID"
created-with = "0.1.0"

[tool.fastenv.platform]
os = "linux"
arch = "x86_64"
glibc = "2.28"

[tool.fastenv.interpreter]
implementation = "cpython"
version = "3.11.7"
soabi = "cpython-311-x86_64-linux-gnu"
build = "main, Mar  3 2026, 10:00:00; GCC 12.2.0"
executable = "/usr/bin/python3.11"

[[tool.fastenv.libraries]]
name = "libGL.so.1"
packages = ["alpha", "beta"]
folders = ["/opt/gl"]

[[tool.fastenv.libraries]]
name = "libm.so.6"
packages = ["alpha"]
versions = ["GLIBC_2.29"]

[[tool.fastenv.contested]]
path = "site/x \\"y\\".py"
winner = "alpha"
claimants = ["alpha", "beta"]

[[tool.fastenv.ignored]]
name = "fastenv"
version = "0.1.0"
reason = "fastenv itself"
"""


def test_text_is_as_documented() -> None:
    lock = a_lock()
    assert lock.text == GOLDEN.replace("ENV-ID", lock.env_id)
    assert render(Lock.parse(lock.text)) == lock.text
    Pylock.from_dict(toml.loads(lock.text)).validate()


def test_env_id_is_that_of_the_documented_text() -> None:
    lock = a_lock()
    assert lock.env_id == env_id(lock.text) == compute_env_id(lock.text)


def test_lock_without_packages() -> None:
    lock = a_lock(packages=[], contested=[])
    assert lock.packages == ()
    assert render(Lock.parse(lock.text)) == lock.text


BAD = [
    # what replaces what, and what must be said
    ("lock-version", "lock version", "is not a lock file"),
    ('lock-version = "1.0"', 'lock-version = "2.0"', "newer kind"),
    ("format = 1", "format = 2", "has format 2, this fastenv reads up to 1"),
    ("format = 1", "format = 0", "format 0 does not exist"),
    ("format = 1", 'format = "1"', "format '1' does not exist"),
    (
        "[tool.fastenv]\nformat",
        "[tool.other]\nformat",
        r"no \[tool.fastenv\]: it was stripped of its fastenv tables",
    ),
    ("[packages.tool.fastenv]", "[packages.tool.other]", r"no \[packages.tool.fastenv\]"),
    ("[tool.fastenv.platform]", "[tool.fastenv.other]", r"no \[tool.fastenv.platform\]"),
    ("[tool.fastenv.interpreter]", "[tool.fastenv.other]", r"no \[tool.fastenv.interpreter\]"),
    (f'sha256 = "{A}"', f'sha256 = "{A[1:]}"', "alpha: its wheel has no sha256 of 64 digits"),
    (f'sha256 = "{A}"', f'sha256 = "{C}"', "env id .* the file was edited"),
    (f'sha256 = "{A}"', f'md5 = "{A[:32]}"', "alpha: its wheel has no sha256"),
    ('version = "2.0"', 'version = "3.0"', "not consistent with package version"),
    ('name = "beta"', 'name = "Beta"', "not normalized"),
    ("size = 123", 'size = "123"', "Unexpected type"),
    ('path = "pylock.fastenv.d/', 'path = "../', "does not stay beside the lock"),
    ('path = "pylock.fastenv.d/', 'path = "/abs/', "does not stay beside the lock"),
    ('path = "pylock.fastenv.d/', 'path = "a\\\\b/', "does not stay beside the lock"),
    ("path = ", 'url = "https://x.example/x", path = ', "either a url or a path"),
    ('winner = "alpha"', 'winner = "gamma"', "the winner is not one of the claimants"),
    ('claimants = ["alpha", "beta"]', 'claimants = ["alpha", "gamma"]', "gamma is no package of this lock"),
    ('name = "libm.so.6"', 'name = "../libm.so.6"', "is no name of a library"),
    ('versions = ["GLIBC_2.29"]', 'versions = "GLIBC_2.29"', "versions is not a list of strings"),
    ('folders = ["/opt/gl"]', 'folders = ["gl"]', "has a folder that is not absolute"),
    ('path = "site/x', 'path = "/site/x', "this is no install path"),
    ("requested = true", 'requested = "true"', "requested is str, not bool"),
    ('origin = "index"', "origin = 1", "origin is int, not str"),
    ('arch = "x86_64"\n', "", "arch is missing"),
    ('implementation = "cpython"', 'implementation = "pypy"', "env id"),
    ('version = "3.11.7"', 'version = "3.11.8"', "env id"),
    ("env-id = ", "env-id-of-old = ", "env-id is missing"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_bad_lock(old: str, new: str, words: str, tmp_path: Path) -> None:
    """Each is refused, with the file's name and with what is wrong."""
    refused(a_lock().text, old, new, words, tmp_path)


def refused(text: str, old: str, new: str, words: str, folder: Path) -> None:
    assert old in text
    path = folder / "pylock.fastenv.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(LockFormatError, match=words) as caught:
        Lock.read(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 3


def test_a_lock_that_uv_has_rewritten(tmp_path: Path) -> None:
    """uv keeps no tables of others."""
    text = re.sub(r"(?ms)^\[packages\.tool\.fastenv\].*?^$", "", a_lock().text.partition("[tool.fastenv]")[0])
    Pylock.from_dict(toml.loads(text)).validate()
    with pytest.raises(LockFormatError, match=r"\[tool.fastenv\]: it was stripped"):
        Lock.parse(text)


def test_two_wheels_or_an_sdist_are_refused() -> None:
    text = a_lock().text
    wheel = re.search(r"wheels = \[(\{.*\})\]", text)
    assert wheel is not None
    with pytest.raises(LockFormatError, match="exactly one wheel"):
        Lock.parse(text.replace(wheel[1], f"{wheel[1]}, {wheel[1]}", 1))
    source = f'{{ url = "https://x.example/beta-2.0.tar.gz", hashes = {{ sha256 = "{A}" }} }}'
    sdist = f'sdist = {source}\nwheels = [{{ name = "beta'
    with pytest.raises(LockFormatError, match="exactly one wheel"):
        Lock.parse(text.replace('wheels = [{ name = "beta', sdist, 1))


def test_what_is_harmless_is_taken() -> None:
    """Other tools' tables, comments and order are nobody's business."""
    text = a_lock().text
    changed = "# a comment\n" + text + "\n[tool.other]\nx = 1\n"
    assert Lock.parse(changed).env_id == a_lock().env_id


def test_files(tmp_path: Path) -> None:
    lock = a_lock()
    written = lock.write(tmp_path / "pylock.fastenv.toml")
    assert written.path == tmp_path / "pylock.fastenv.toml"
    assert written == lock
    assert Lock.read(written.path).text == lock.text
    with pytest.raises(LockFormatError, match=r"pylock\.fastenv\.linux\.toml is no name"):
        lock.write(tmp_path / "pylock.fastenv.linux.toml")
    with pytest.raises(FileSystemError, match="cannot be written"):
        lock.write(tmp_path / "absent" / "pylock.toml")
    with pytest.raises(FileSystemError, match="cannot be read"):
        Lock.read(tmp_path / "absent")
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(LockFormatError, match="not a lock file"):
        Lock.read(tmp_path / "latin")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["latin", "pylock.fastenv.toml"]


CONDA_GOLDEN = f"""\
[[tool.fastenv.conda]]
name = "_lib"
version = "1"
build = "h_1"
build-number = 1
subdir = "noarch"
file-name = "_lib-1-h_1.tar.bz2"
path = "pylock.fastenv.d/{C}/_lib-1-h_1.tar.bz2"
sha256 = "{C}"
noarch = "generic"
link-scripts = true

[[tool.fastenv.conda]]
name = "python"
version = "3.13.1"
build = "0_cp313t"
build-number = 0
subdir = "linux-64"
channel = "https://channel.example/main"
file-name = "python-3.13.1-0_cp313t.conda"
url = "https://channel.example/main/linux-64/python-3.13.1-0_cp313t.conda"
size = 5
sha256 = "{A}"
md5 = "{"d" * 32}"
requested = ["python 3.13.*"]

[[tool.fastenv.virtual]]
spec = "__cuda 12.*"
packages = ["python"]
optional = true

[[tool.fastenv.virtual]]
spec = "__glibc >=2.17"
packages = ["python"]

[[tool.fastenv.contested]]
"""


def test_conda_packages_are_written_as_documented() -> None:
    lock = a_conda_lock()
    assert CONDA_GOLDEN in lock.text
    assert 'created-with = "0.1.0"\nlink-scripts = true\n' in lock.text
    assert 'build = "main"\nsource = "conda"\n' in lock.text
    assert Lock.parse(lock.text) == lock
    assert lock.env_id == env_id(lock.text)
    Pylock.from_dict(toml.loads(lock.text)).validate()


def test_an_environment_without_python() -> None:
    library = a_conda_lock().conda[0]
    lock = a_conda_lock(interpreter=None, packages=[], conda=[library], virtual=[], contested=[])
    assert (lock.interpreter, lock.requires_python) == (None, None)
    assert "requires-python" not in lock.text
    assert "interpreter" not in lock.text
    assert render(Lock.parse(lock.text)) == lock.text


BAD_CONDA = [
    ('build = "h_1"\n', "", "tool.fastenv.conda, package _lib: build is missing"),
    ("build-number = 1", "build-number = true", "build-number is bool, not int"),
    ('noarch = "generic"', 'noarch = "any"', "unknown variant"),
    ('["python 3.13.*"]', "[1]", "requested is not a list of strings"),
    (
        f'path = "pylock.fastenv.d/{C}',
        f'path = "../{C}',
        "conda:_lib: path .* leads out of the lock's folder",
    ),
    ('url = "https://channel', 'url = "file://channel', "conda:python: has a url that is not of the web"),
    ('name = "_lib"', 'name = "python"', "conda:_lib is no package of this lock"),
    ('source = "conda"\n', "", "exactly if there is a conda package python"),
    ('spec = "__', 'spec = "', "is no virtual package"),
    ("optional = true", "optional = 1", "optional is int, not bool"),
    ('spec = "__glibc >=2.17"\n', "", "tool.fastenv.virtual: spec is missing"),
    ('claimants = ["alpha", ', 'claimants = ["conda:alpha", ', "conda:alpha is no package of this lock"),
    ("link-scripts = true", "link-scripts = 1", "link-scripts is int, not bool"),
    ("link-scripts = true\n", "", "the file was edited"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD_CONDA)
def test_bad_conda_lock(old: str, new: str, words: str, tmp_path: Path) -> None:
    contested = [LockedContested("site/x", "conda:_lib", ("alpha", "conda:_lib"))]
    refused(a_conda_lock(contested=contested).text, old, new, words, tmp_path)
