"""exec: a command in an environment. Launchers of many kinds stand on what is tested here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.lab.index_server import Fault
from tests.lab.lab import Lab

SHOW = "import os; print(*(f'{k}={v}' for k, v in sorted(os.environ.items())), sep='\\n')"


@pytest.fixture
def lock(lab: Lab) -> Path:
    points = {"console_scripts": {"one": "one:main"}}
    return lab.lock(lab.wheel("one", files={"one.py": "def main(): print('ran')\n"}, entry_points=points))


def test_a_lock_is_materialized_and_run(lab: Lab, lock: Path) -> None:
    done = lab.run("exec", lock, "--", "one")
    assert (done.code, done.out, done.err) == (0, "ran\n", "")
    requests = len(lab.index.requests)
    again = lab.run("exec", lock, "--", "one")
    assert (again.code, again.out, again.err) == (0, "ran\n", "")
    assert len(lab.index.requests) == requests


def test_an_id_and_its_beginning_name_the_environment(lab: Lab, lock: Path) -> None:
    identity = lab.run("env-id", lock).out.strip()
    lab.materialize(lock, prefix=None)
    for name in (identity, identity[:12], identity[:20].upper()):
        assert lab.run("exec", name, "--", "one").out == "ran\n"
    (lab.store / "envs").rename(lab.folder / "aside")  # only root could remove what is read-only
    assert lab.run("exec", identity, "--", "one").out == "ran\n", "the lock was kept"


def test_half_a_lock_that_a_dead_run_left_is_no_other(lab: Lab, lock: Path) -> None:
    prefix = lab.materialize(lock, prefix=None)
    (kept,) = (lab.store / "locks").iterdir()
    kept.with_name(f"{kept.name}.77.3").write_text("half")
    done = lab.run("exec", prefix.name, "--", "echo", "ran")
    assert (done.code, done.out) == (0, "ran\n"), done


def test_an_id_is_looked_for_and_no_store_made(lab: Lab, lock: Path) -> None:
    done = lab.run("exec", "0123456789ab", "--", "echo", "must not run")
    assert (done.code, done.out) == (125, ""), done
    assert not lab.store.exists()


def test_the_root_may_be_named_by_a_link(lab: Lab, lock: Path) -> None:
    """As ``/scratch`` and home folders are on clusters: the environment is one, whichever name it is given."""
    lab.root.mkdir()
    link = lab.folder / "scratch"
    link.symlink_to(lab.root)
    prefix = Path(lab.run("materialize", lock, "--root", link).out.strip())
    assert prefix.is_relative_to(link)
    for name in (prefix, prefix.resolve()):
        done = lab.run("exec", name, "--", "sh", "-c", "echo $VIRTUAL_ENV")
        assert (done.code, done.out, done.err) == (0, f"{prefix}\n", ""), done
        assert lab.run("verify", name, "--full").code == 0


def test_the_variables(lab: Lab, lock: Path) -> None:
    prefix = lab.materialize(lock)
    env = {"PYTHONPATH": "/p", "PYTHONHOME": "/h", "CONDA_PREFIX": "/c", "KEPT": "yes"}
    shown = lab.run("exec", prefix, "--", "python", "-c", SHOW, env=env).out.splitlines()
    variables = dict(line.split("=", 1) for line in shown)
    assert variables["PATH"].startswith(f"{prefix}/bin:")
    assert variables["VIRTUAL_ENV"] == str(prefix)
    assert variables["PYTHONNOUSERSITE"] == "1"
    assert variables["FASTENV_ENV_ID"] == lab.run("env-id", lock).out.strip()
    assert variables["KEPT"] == "yes"
    assert variables.keys().isdisjoint({"PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX"})
    kept = lab.run("exec", prefix, "--keep-pythonpath", "--", "python", "-c", SHOW, env={"PYTHONPATH": "/p"})
    assert "PYTHONPATH=/p" in kept.out.splitlines()


def test_the_process_is_the_same(lab: Lab, lock: Path) -> None:
    process = lab.start("exec", lock, "--", "sh", "-c", "echo $$")
    out, err = process.communicate(timeout=60)
    assert (out, err) == (f"{process.pid}\n", "")


def test_its_status_is_the_commands(lab: Lab, lock: Path) -> None:
    assert lab.run("exec", lock, "--", "sh", "-c", "exit 7").code == 7
    assert lab.run("exec", lock, "--", "sh", "-c", "kill -9 $$").code == -9


def test_signals_are_as_a_new_process_has_them(lab: Lab, lock: Path) -> None:
    """What the program did to signals while it worked must not be inherited."""
    text = "import signal; print([signal.getsignal(s).name for s in (signal.SIGTERM, signal.SIGPIPE)])"
    shown = lab.run("exec", lock, "--", "python", "-S", "-c", text).out
    assert shown == "['SIG_DFL', 'SIG_IGN']\n", "Python itself ignores SIGPIPE"
    masks = ["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]
    # Not "none at all": what glibc ignores for its own ends is passed on by every program.
    expected = subprocess.run(masks, check=True, capture_output=True, text=True).stdout
    assert lab.run("exec", lock, "--", *masks).out == expected


def test_no_descriptor_is_inherited_but_the_lock_of_use(lab: Lab, lock: Path) -> None:
    text = "for fd in /proc/self/fd/*; do readlink $fd; done"
    opened = lab.run("exec", lock, "--", "sh", "-c", text).out.splitlines()
    ours = [path for path in opened if str(lab.folder) in path]
    assert [path.rpartition("/")[2] for path in ours] in ([], ["use"])


@pytest.mark.parametrize(
    ("command", "code"),
    [("no-such-command", 127), ("/no/such/command", 127), ("/etc", 126), ("/etc/passwd", 126)],
)
def test_a_command_that_can_not_be_run(lab: Lab, lock: Path, command: str, code: int) -> None:
    lab.materialize(lock)
    done = lab.run("exec", lab.prefix("env"), "--", command)
    assert (done.code, done.out) == (code, "")
    assert done.err.count("\n") == 1
    assert command in done.err


def one_line(lab: Lab, *arguments: object, code: int = 125) -> str:
    done = lab.run("exec", *arguments, "--", "echo", "must not run")
    assert (done.code, done.out) == (code, ""), done
    lines = done.err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].strip()
    return lines[0]


def test_its_own_failures_are_one_line_and_125(lab: Lab, lock: Path) -> None:
    """Not a lock, not an environment, an artifact that is bad, an interpreter that is not there."""
    (lab.folder / "not.toml").write_text("[[[")
    assert "not.toml" in one_line(lab, lab.folder / "not.toml")
    for text, said in [
        ("", "it is empty"),
        ('lock-version = "1.0"\n\npackages = 7 8\n', "line 3, column 12: "),
    ]:
        (lab.folder / "not.toml").write_text(text)
        line = one_line(lab, lab.folder / "not.toml")
        assert f"not.toml is not a lock file: {said}" in line
        assert "^" not in line
    assert str(lab.envs) in one_line(lab, lab.envs)
    assert "nothing-at-all" in one_line(lab, "nothing-at-all")
    assert "0123456789ab" in one_line(lab, "0123456789ab")
    assert "/no/python" in one_line(lab, "--python", "/no/python", lock)
    lab.index.fault("one-1.0-py3-none-any.whl", Fault(status=404))
    assert "one-1.0-py3-none-any.whl" in one_line(lab, lock)
    lab.index.heal()
    lab.index.fault("one-1.0-py3-none-any.whl", Fault(corrupt_at=100))
    assert "one-1.0-py3-none-any.whl" in one_line(lab, lock)
    assert lab.residue() == []


def test_without_a_command_it_is_a_usage_error(lab: Lab, lock: Path) -> None:
    done = lab.run("exec", lock)
    assert (done.code, done.out) in ((2, ""), (125, ""))


def test_a_store_that_can_not_be_used_fails_closed(lab: Lab, lock: Path) -> None:
    lab.root.write_text("a file")
    assert str(lab.root) in one_line(lab, lock)


def test_arguments_pass_as_they_are(lab: Lab, lock: Path) -> None:
    text = "import sys; print(sys.argv[1:])"
    words = ["", "--root", "-h", "a b", "größe", "--", "$HOME"]
    assert lab.run("exec", lock, "--", "python", "-c", text, *words).out == f"{words}\n"
