"""Locks that are none, and nodes that don't fit: refused before anything is fetched."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lab.lab import Lab, run
from tests.lab.locks import here, restate

# What becomes of a good lock's text, and what the message must say.
EDITS: dict[str, tuple[str, str, str]] = {
    "not TOML": (r"\A", "this is no lock [[[\n", "not a lock file"),
    "empty": (r"(?s)\A.*\Z", "", "not a lock file"),
    "of a newer format": (r"(?m)^format = 1$", "format = 2", "format 2"),
    "of a newer PEP": (r'lock-version = "1.0"', 'lock-version = "2.0"', "lock-version 2.0"),
    "stripped": (r"(?s)\[tool\.fastenv\].*", "", "[tool.fastenv]"),
    "with a stripped package": (
        r"(?s)\[packages\.tool\.fastenv\].*?\n\n",
        "",
        "[packages.tool.fastenv]",
    ),
    "with another id": (r'env-id = "....', 'env-id = "0000', "the file was edited"),
    "without an id": (r'env-id = ".*"', 'env-id = ""', "env id"),
    "with another wheel": (r'sha256 = "....', 'sha256 = "0000', "the file was edited"),
    "without a digest": (r'hashes = \{ sha256 = "[0-9a-f]*" \}', "hashes = {}", "sha256"),
    "with a path that leads out": (
        r'url = "[^"]*"',
        'path = "../../x/one-1.0-py3-none-any.whl"',
        "leads out",
    ),
    "with a name that is none": (r'name = "one"', 'name = "../one"', "name"),
    "of another version than its wheel": (
        r'(?m)^version = "1\.0"$',
        'version = "1.1"',
        "one: the lock says version 1.1, its wheel is of version 1.0: one-1.0-py3-none-any.whl",
    ),
    "of another package than its wheel": (
        r'name = "one"',
        'name = "two"',
        "two: its wheel is one of one: one-1.0",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_lock(lab: Lab, edit: str) -> None:
    pattern, replacement, word = EDITS[edit]
    lock = lab.lock(lab.wheel("one"))
    text, count = re.subn(pattern, lambda _: replacement, lock.read_text(), count=1)
    assert count == 1
    lock.write_text(text)
    said = lab.refuse(lock, 3)
    assert str(lock) in said
    assert word in said
    assert "hint: " in said
    assert lab.index.requests == []
    assert not lab.root.exists() or not list((lab.store / "artifacts").iterdir())


def test_a_lock_that_is_not_utf8(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"))
    lock.write_bytes(lock.read_bytes() + b"# \xff\xfe\n")
    assert str(lock) in lab.refuse(lock, 3)


def test_a_lock_that_is_not_there(lab: Lab) -> None:
    """A file that can't be read is the file system's."""
    for path in (lab.folder / "absent.toml", lab.folder):
        said = lab.refuse(path, 6)
        assert str(path) in said
        assert "hint: " in said


def test_a_version_that_the_wheel_itself_denies(lab: Lab) -> None:
    """The name of its file was changed with the version: METADATA tells, be it fetched or in the store already."""
    lock = lab.lock(lab.wheel("one"))
    text = lock.read_text()
    changed = re.sub(r'(?m)^version = "1\.0"$', 'version = "1.1"', text, count=1)
    changed = changed.replace('name = "one-1.0-py3', 'name = "one-1.1-py3')
    for _ in range(2):
        lock.write_text(changed)
        said = lab.refuse(lock, 4)
        assert "one-1.1-py3-none-any.whl" in said
        assert 'METADATA says Version "1.0", the lock "1.1"' in said
        lock.write_text(text)
        lab.materialize(lock, prefix=None)


def test_another_platform(lab: Lab) -> None:
    said = lab.refuse(lab.lock(lab.wheel("one"), arch="aarch64"), 5)
    assert "linux aarch64" in said
    assert "linux x86_64" in said
    assert lab.index.requests == []


def test_a_newer_glibc(lab: Lab) -> None:
    said = lab.refuse(lab.lock(lab.wheel("one"), glibc="9.9"), 5)
    assert "glibc 9.9" in said
    assert lab.index.requests == []


def test_no_fitting_interpreter(lab: Lab) -> None:
    """Each one that was looked at is named, with why it does not do."""
    lying = lab.folder / "bin" / f"python{here().version.rpartition('.')[0]}"
    lying.parent.mkdir()
    lying.write_text("#!/bin/sh\necho nonsense\n")
    lying.chmod(0o755)
    version = here().version + "99"
    wanted = replace(here(), version=version, executable=here().executable)
    lock = lab.lock(lab.wheel("one"), interpreter=wanted)
    done = lab.run(
        "materialize", lock, "--prefix", lab.prefix("env"), env={"PATH": f"{lying.parent}:/usr/bin"}
    )
    assert (done.code, done.out) == (5, "")
    assert version in done.err
    assert f"{here().executable}: is version {here().version}" in done.err
    assert f"{lying}: gave no sensible answer" in done.err
    assert "--python" in done.err
    # The one that was scanned is named, too, if it is not here.
    elsewhere = replace(wanted, executable="/opt/elsewhere/python")
    assert "/opt/elsewhere/python: is not there" in lab.refuse(lab.lock(interpreter=elsewhere), 5)
    assert lab.residue() == []
    assert lab.index.requests == []


@pytest.mark.parametrize("name", ["/nonexistent/python", "/bin/false", "/etc/passwd"])
def test_an_interpreter_that_is_none(lab: Lab, name: str) -> None:
    lock = lab.lock(lab.wheel("one"))
    assert name in lab.refuse(lock, 5, "--python", name)
    # One that stands is not made, but whoever asked for this one would believe in it.
    lab.materialize(lock)
    assert name in lab.refuse(lock, 5, "--python", name)
    standing = lab.materialize(lock, prefix=None)
    for words in (["materialize", lock], ["exec", lock]):
        done = lab.run(*words, "--python", name, *(["--", "true"] if words[0] == "exec" else []))
        assert (done.code, done.out) == (125 if words[0] == "exec" else 5, ""), done
        assert name in done.err
    assert lab.materialize(lock, "--python", str(here().executable), prefix=None) == standing


def test_another_build_is_a_warning_and_with_strict_an_error(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"), interpreter=replace(here(), build="another, Jan 1 2020; XYZ 1"))
    said = lab.refuse(lock, 5, "--strict")
    assert "another build" in said
    done = lab.run("materialize", lock, "--prefix", lab.prefix("env"))
    assert done.code == 0, done.err
    assert "another build" in done.err


def test_a_virtual_environment_stands_for_its_base(lab: Lab) -> None:
    """``--python`` may name the python of an environment: what is made does not lean on that environment."""
    prefix = lab.materialize(lab.lock(lab.wheel("one")), "--python", sys.executable)
    assert Path(prefix / "bin/python").resolve() == Path(sys.executable).resolve()
    target = (prefix / "bin/python").readlink()
    assert not str(target).startswith(sys.prefix + "/") or sys.prefix == sys.base_prefix


def test_a_lock_without_a_hint_is_enough(lab: Lab) -> None:
    """The interpreter is found on PATH."""
    lock = lab.lock(lab.wheel("one"), interpreter=replace(here(), executable=None))
    folder = lab.folder / "bin"
    folder.mkdir()
    (folder / f"python{'.'.join(here().version.split('.')[:2])}").symlink_to(str(here().executable))
    done = lab.run(
        "materialize", lock, "--prefix", lab.prefix("env"), env={"PATH": f"{folder}:/usr/bin:/bin"}
    )
    assert done.code == 0, done.err


def test_a_prefix_that_is_not_ours_is_not_touched(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"))
    places = {"folder": None, "file": b"a file", "venv": b""}
    for name, content in places.items():
        prefix = lab.prefix(name)
        if name == "file":
            prefix.write_bytes(content or b"")
        else:
            prefix.mkdir()
            (prefix / ("pyvenv.cfg" if name == "venv" else "letter.txt")).write_bytes(content or b"dear")
        said = lab.refuse(lock, 6, prefix=name)
        assert str(prefix) in said
        assert "hint: " in said
    assert lab.index.requests == []


def test_a_prefix_that_can_be_none(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"))
    assert lab.run("materialize", lock, "--prefix", "/").code == 6
    (lab.envs / "file").write_text("")
    assert lab.run("materialize", lock, "--prefix", lab.envs / "file/below").code == 6
    (lab.envs / "dangling").symlink_to("nowhere/at/all")
    assert lab.run("materialize", lock, "--prefix", lab.envs / "dangling").code == 6
    assert (lab.envs / "dangling").is_symlink()


def test_an_empty_folder_and_a_link_to_a_folder_will_do(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"))
    lab.prefix("env").mkdir()
    lab.materialize(lock)
    (lab.envs / "real").mkdir()
    (lab.envs / "link").symlink_to("real")
    lab.materialize(lock, prefix="link")
    assert (lab.envs / "link").is_symlink()
    assert lab.run("exec", lab.envs / "link", "--", "python", "-c", "import one").code == 0


def test_wrong_words_are_a_usage_error(lab: Lab) -> None:
    lock = lab.lock()
    for words in (["--link-mode", "teleport"], ["--jobs", "many"], ["--unknown"]):
        assert lab.run("materialize", lock, *words).code == 2
    assert run([str(lab.node)], env=lab.environ).code == 2


def test_env_id_is_told_and_checked(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"))
    done = lab.run("env-id", lock)
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.out)
    text = lock.read_text().replace("py3-none-any", "py2.py3-none-any")
    assert restate(text) == text, "a file's name is not in the id"
    lock.write_text(lock.read_text().replace(done.out[:8], "f" * 8))
    assert lab.run("env-id", lock).code == 3
