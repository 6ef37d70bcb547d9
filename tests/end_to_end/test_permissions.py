"""As an ordinary user: folders that may not be written to. Root proves nothing here, it may write anywhere."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from tests.lab.boots import another_boot, zeroed
from tests.lab.lab import Done, Lab, snapshot
from tests.lab.locks import Interpreter, here, interpreter_at
from tests.lab.mounts import need_root, tmpfs
from tests.lab.records import record_faults, site_packages
from tests.lab.trees import differences

pytestmark = pytest.mark.root

USER = 65_534
DROP = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


@pytest.fixture
def user(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose programs run as somebody who owns its folder and nothing else."""
    need_root()
    for folder in [lab.folder, *lab.folder.parents]:
        if folder.owner() == "root" and folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o011)
    # The program may lie where only root can look.
    program = lab.folder / "fastenv-node"
    program.write_bytes(lab.node.read_bytes())
    program.chmod(0o755)
    lab.node = program
    lab.interpreter = runnable()
    for path in [lab.folder, *lab.folder.rglob("*")]:
        os.chown(path, USER, USER, follow_symlinks=False)
    return lab


def runnable() -> Interpreter:
    """An interpreter that the user may run; the tests' own may lie in root's home."""
    for name in (here().executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        # Through env: setpriv itself still has root's capabilities.
        probe = subprocess.run(
            [*DROP, "env", str(name), "-c", "import json"], capture_output=True, check=False
        )
        if probe.returncode == 0:
            return interpreter_at(str(Path(str(name)).resolve()))
    pytest.skip("no interpreter that an ordinary user may run")


def as_user(lab: Lab, *arguments: object, env: dict[str, str] | None = None) -> Done:
    ended = subprocess.run(
        [*DROP, *lab.command(*arguments)],
        env={**lab.environ, **(env or {})},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    return Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def locked(path: Path, mode: int = 0o555) -> None:
    """Root's, and nobody else's to write to."""
    path.mkdir(exist_ok=True)
    os.chown(path, 0, 0)
    path.chmod(mode)


def test_all_is_well_where_one_may_write(user: Lab) -> None:
    lock = user.lock(user.wheel("one"))
    done = as_user(user, "materialize", lock)
    assert done.code == 0, done.err
    prefix = Path(done.out.rstrip("\n"))
    assert {path.stat().st_uid for path in prefix.rglob("*") if not path.is_symlink()} == {USER}
    # The store's own environment is nobody's to install into, not even its owner's.
    for folder in (prefix / "bin", site_packages(prefix)):
        assert folder.stat().st_mode & 0o222 == 0
    assert as_user(user, "exec", lock, "--", "python", "-c", "import one").code == 0
    # And it can be replaced, though its folders are sealed.
    os.utime(site_packages(prefix))
    again = as_user(user, "materialize", lock)
    assert again.code == 0, again.err
    assert user.residue() == []


def test_a_store_that_may_not_be_written_to(user: Lab) -> None:
    user.root.mkdir()
    os.chown(user.root, USER, USER)
    user.root.chmod(0o555)
    done = as_user(user, "materialize", user.lock(user.wheel("one")), "--prefix", user.prefix("env"))
    assert (done.code, done.out) == (6, "")
    assert str(user.root) in done.err
    assert "Permission denied" in done.err
    assert not user.prefix("env").exists()


def test_a_store_that_becomes_read_only(user: Lab) -> None:
    """Folders are there, nothing can be made in them."""
    lock = user.lock(user.wheel("one"))
    assert as_user(user, "materialize", lock, "--prefix", user.prefix("env")).code == 0
    for folder in [user.root, *user.root.rglob("*")]:
        if folder.is_dir():
            folder.chmod(0o555)
    before = snapshot(user.store / "artifacts")
    more = user.lock(user.wheel("one"), user.wheel("two"), name="pylock.more.toml")
    done = as_user(user, "materialize", more, "--prefix", user.prefix("more"))
    assert (done.code, done.out) == (6, "")
    assert str(user.store) in done.err
    assert not user.prefix("more").exists()
    assert snapshot(user.store / "artifacts") == before
    # What stands still runs.
    assert as_user(user, "exec", user.prefix("env"), "--", "python", "-c", "import one").code == 0


def test_a_read_only_root_behind_a_writable_one(user: Lab) -> None:
    """An administrator's store: used, never written to; an environment that stands there is taken as it is."""
    shared = user.folder / "shared"
    one = user.wheel("one")
    lock = user.lock(one)
    assert user.run("materialize", lock, "--root", shared).code == 0
    before, requests = snapshot(shared), len(user.index.requests)
    env = {"FASTENV_ROOT": f"{user.root}:{shared}"}
    plain = user.command("materialize", lock)
    plain = [word for word in plain if word not in ("--root", str(user.root))]

    def ask(*options: str) -> Path:
        done = subprocess.run(
            [*DROP, *plain, *options], env={**user.environ, **env}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.decode().rstrip("\n"))

    assert ask().parent == shared / "v1/envs"
    prefix = ask("--prefix", str(user.prefix("env")))
    assert record_faults(prefix) == []
    assert snapshot(shared) == before
    assert len(user.index.requests) == requests


def test_a_parent_that_may_not_be_written_to(user: Lab) -> None:
    """Nothing can be made beside the prefix: it is filled in place, and is whole only when that is done."""
    parent = user.folder / "closed"
    locked(parent, 0o755)
    prefix = parent / "env"
    lock = user.lock(user.wheel("one"))
    absent = as_user(user, "materialize", lock, "--prefix", prefix)
    assert (absent.code, absent.out) == (6, "")
    assert str(parent) in absent.err
    prefix.mkdir()
    os.chown(prefix, USER, USER)
    done = as_user(user, "materialize", lock, "--prefix", prefix)
    assert done.code == 0, done.err
    assert record_faults(prefix) == []
    assert as_user(user, "verify", prefix, "--full").code == 0
    other = user.lock(user.wheel("two"), name="pylock.other.toml")
    done = as_user(user, "materialize", other, "--prefix", prefix)
    assert done.code == 0, done.err
    assert not (site_packages(prefix) / "one.py").exists()
    assert record_faults(prefix) == []
    assert [path.name for path in parent.iterdir()] == ["env"]


def test_in_place_and_killed(user: Lab) -> None:
    """What was not finished is nobody's environment: exec refuses it, the next materialize makes it whole."""
    parent = user.folder / "closed"
    locked(parent, 0o755)
    prefix = parent / "env"
    prefix.mkdir()
    os.chown(prefix, USER, USER)
    many = user.wheel("many", files={f"many/m{number}.py": f"x = {number}\n" for number in range(800)})
    lock = user.lock(many)
    assert as_user(user, "materialize", lock, "--prefix", user.prefix("warm")).code == 0
    dice = random.Random(3)
    command = [*DROP, *user.command("materialize", lock, "--prefix", prefix, "--link-mode", "copy")]
    unfinished = 0
    for _ in range(10):
        process = subprocess.Popen(
            command, env=user.environ, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(dice.uniform(0.01, 0.15))
        process.kill()
        process.wait()
        if (prefix / ".fastenv").exists() and not (prefix / ".fastenv/state").exists():
            unfinished += 1
            done = as_user(user, "exec", prefix, "--", "echo", "must not run")
            assert (done.code, done.out, done.err.count("\n")) == (125, "", 1)
        elif (prefix / ".fastenv/state").exists():
            assert as_user(user, "verify", prefix, "--full").code == 0
            (prefix / ".fastenv/state").unlink()
    assert unfinished
    done = as_user(user, "materialize", lock, "--prefix", prefix)
    assert done.code == 0, done.err
    assert differences(prefix, user.prefix("warm")) == []
    assert as_user(user, "verify", prefix, "--full").code == 0


def test_in_place_a_changed_environment_is_not_thrown_away(user: Lab) -> None:
    parent = user.folder / "closed"
    locked(parent, 0o755)
    prefix = parent / "env"
    prefix.mkdir()
    os.chown(prefix, USER, USER)
    lock = user.lock(user.wheel("one"))
    assert as_user(user, "materialize", lock, "--prefix", prefix).code == 0
    (site_packages(prefix) / "mine.py").write_text("my work\n")
    done = as_user(user, "materialize", lock, "--prefix", prefix)
    assert (done.code, done.out) == (6, "")
    assert (site_packages(prefix) / "mine.py").exists()
    assert str(prefix) in done.err


def test_a_read_only_file_system(user: Lab) -> None:
    lock = user.lock(user.wheel("one"))
    with tmpfs() as place:
        os.chown(place, USER, USER)
        root = ("--root", place / "root")
        assert as_user(user, "materialize", lock, *root, "--prefix", place / "env").code == 0
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        before = snapshot(place)
        done = as_user(user, "materialize", lock, *root, "--prefix", place / "other")
        assert (done.code, done.out) == (6, "")
        assert "Read-only file system" in done.err
        assert snapshot(place) == before
        done = as_user(user, "exec", place / "env", "--", "python", "-c", "import one")
        assert done.code == 0, done.err
        assert as_user(user, "verify", place / "env", "--full").code == 0


def test_a_lock_that_may_not_be_read(user: Lab) -> None:
    lock = user.lock(user.wheel("one"))
    os.chown(lock, 0, 0)
    lock.chmod(0o600)
    done = as_user(user, "materialize", lock)
    assert (done.code, done.out) == (6, "")
    assert str(lock) in done.err
    assert "Permission denied" in done.err


def test_the_store_of_another_is_not_shared(user: Lab) -> None:
    """A root that others may write to is not trusted as a read-only root."""
    shared = user.folder / "shared"
    lock = user.lock(user.wheel("one"))
    assert user.run("materialize", lock, "--root", shared).code == 0
    shared.chmod(0o777)
    before = len(user.index.requests)
    env = {"FASTENV_ROOT": f"{user.root}:{shared}"}
    command = [str(user.node), "materialize", str(lock)]
    done = subprocess.run([*DROP, *command], env={**user.environ, **env}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(user.index.requests) > before
    assert done.stdout.decode().startswith(str(user.root))


@pytest.mark.parametrize("verb", ["materialize", "exec", "store info", "store gc", "store verify"])
def test_the_root_of_another_is_refused(user: Lab, verb: str) -> None:
    shared = user.folder / "shared"
    lock = user.lock(user.wheel("one"))
    assert user.run("materialize", lock, "--root", shared).code == 0
    before = snapshot(shared)
    more: dict[str, list[object]] = {"materialize": [lock], "exec": [lock, "--", "true"]}
    words = more.get(verb, [])
    done = as_user(user, *verb.split(), "--root", shared, *words)
    assert (done.code, done.out) == (125 if verb == "exec" else 5, "")
    assert "another user" in done.err
    assert snapshot(shared) == before


def test_the_store_is_kept_by_an_ordinary_user(user: Lab) -> None:
    """What is read-only can be healed and removed by its owner."""
    lock = user.lock(user.wheel("one", files={"one.py": "x = 1\n"}))
    prefix = Path(as_user(user, "materialize", lock).out.rstrip("\n"))
    (path,) = (user.store / "artifacts").glob("*/tree/site/one.py")
    path.chmod(0o644)
    path.write_text("x = 7\n")
    assert as_user(user, "store", "verify").code == 1
    assert as_user(user, "store", "verify").code == 0
    assert as_user(user, "exec", prefix, "--", "python", "-c", "import one; print(one.x)").out == "1\n"
    another_boot(user.store)
    (path,) = (user.store / "artifacts").glob("*/tree/site/one.py")
    zeroed(path)
    assert as_user(user, "exec", prefix, "--", "python", "-c", "import one; print(one.x)").out == "1\n"
    done = as_user(user, "store", "gc", "--keep-days", "0")
    assert done.code == 0, done.err
    assert not prefix.exists()
    assert list((user.store / "artifacts").iterdir()) == []
    assert user.residue() == []
