"""Conda packages become environments: they run wherever they stand, and they are what py-rattler makes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.lab.conda_data import by_name, environment, needs_conda_data
from tests.lab.conda_locks import conda_lock
from tests.lab.conda_prefix import conda_tree, install
from tests.lab.lab import Lab

pytestmark = [pytest.mark.shared, needs_conda_data()]


def said(prefix: Path, *command: str) -> str:
    """What a program of the environment says, found as an activated environment finds it."""
    path = f"{prefix}/bin:/usr/bin:/bin"
    ran = subprocess.run(
        command, env={"PATH": path, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# One a bit longer than a first line may be, one that a first line can't hold, and a plain one.
@pytest.mark.parametrize("name", ["e", "x" * 120, "with a blank"])
def test_an_environment_runs_wherever_it_stands(lab: Lab, name: str) -> None:
    lock = conda_lock(environment("py36-web"), lab.folder, ["python", "flask"])
    prefix = lab.materialize(lock, prefix=name)
    code = "import flask, sqlalchemy, cryptography; print(flask.__file__)"
    assert said(prefix, str(prefix / "bin/python"), "-c", code).startswith(f"{prefix}/lib/python3.6/")
    assert "Flask 1.0.2" in said(prefix, "flask", "--version")
    assert lab.run("verify", prefix, "--full").code == 0
    assert lab.run("materialize", lock, "--prefix", prefix).err == ""
    (prefix / "lib/python3.6/os.py").unlink()
    assert lab.run("verify", prefix).out.startswith("missing: lib/python3.6/os.py (python)")


def test_a_process_in_it_knows_what_it_is_in(lab: Lab) -> None:
    lock = conda_lock(environment("cf-libs"), lab.folder)
    names = "CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL VIRTUAL_ENV"
    done = lab.run(
        "exec", lock, "--", "sh", "-c", f"for name in {names}; do printenv $name; done; which infocmp"
    )
    prefix = done.out.splitlines()[0]
    assert done.out.splitlines() == [prefix, prefix, "1", f"{prefix}/bin/infocmp"]
    assert Path(prefix).parent == lab.store / "envs"


def test_activation_is_for_the_command_alone(lab: Lab) -> None:
    """What the scripts export is there, what they print is not, and the process is the one that was started."""
    names = ["activate_deactivate_package-1.0.0-0.conda"]
    lock = conda_lock([*environment("cf-libs"), *by_name(names)], lab.folder)
    prefix = lab.materialize(lock, prefix="with a blank")
    command = lab.command("exec", prefix, "--", "sh", "-c", 'echo "$TEST $$ $# $1"', "sh", "an argument")
    with subprocess.Popen(command, env=lab.environ, stdout=subprocess.PIPE, text=True) as process:
        out, _ = process.communicate(timeout=60)
    assert out == f"teststringfromactivate {process.pid} 1 an argument\n"
    assert lab.run("exec", prefix, "--", "no-such-command").code == 127
    assert (prefix / ".fastenv/activate.log").exists()
    assert lab.run("verify", prefix).code == 0


def test_programs_that_know_where_they_are(lab: Lab) -> None:
    lock = conda_lock(environment("py37-more"), lab.folder)
    for name in ("moved", "x" * 100):
        prefix = lab.materialize(lock, prefix=name)
        assert said(prefix, "git", "--version").startswith("git version 2.18")
        assert "This is perl 5" in said(prefix, "perl", "-v")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["py36", "py37-more", "cf-libs"])
def test_the_tree_is_py_rattlers(lab: Lab, name: str, full: bool) -> None:
    """Both at one path, which the files name."""
    prefix = lab.prefix("env")
    # The big one has four times as many packages, of the same kinds.
    archives = environment(name if name != "py36" else "py36-big" if full else "py36-web")
    install(archives, prefix)
    theirs = conda_tree(prefix)
    prefix.rename(lab.prefix("theirs"))
    lab.materialize(conda_lock(archives, lab.folder))
    ours = conda_tree(prefix)
    assert {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)} == set()


def test_records_are_what_conda_reads(lab: Lab) -> None:
    from rattler import PrefixRecord

    prefix = lab.materialize(conda_lock(environment("py36-web"), lab.folder, ["python", "flask"]))
    records = {path.name: PrefixRecord.from_path(path) for path in (prefix / "conda-meta").glob("*.json")}
    assert len(records) == len(environment("py36-web"))
    flask = json.loads((prefix / "conda-meta/flask-1.0.2-py36_1.json").read_text())
    assert (flask["requested_spec"], flask["link"]["type"]) == ("flask", 1)
    for path in [path for record in records.values() for path in record.files]:
        assert (prefix / path).is_symlink() or (prefix / path).exists(), path
    history = (prefix / "conda-meta/history").read_text()
    assert "# update specs: ['flask', 'python']" in history
    assert "::flask-1.0.2-py36_1\n" in history


def test_a_prefix_that_does_not_fit(lab: Lab) -> None:
    lock = conda_lock(environment("py37-more"), lab.folder)
    said = lab.refuse(lock, 6, prefix=f"{'x' * 130}/{'y' * 130}")
    assert "the prefix has" in said
    assert "there is room for" in said
