"""An environment is a virtual environment (PEP 405) that Python, uv and pip take for their own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.lab.lab import Lab, base_python, run, snapshot, uv
from tests.lab.locks import here
from tests.lab.records import site_packages

QUESTION = """
import json, site, sys, sysconfig
print(json.dumps({
    "prefix": sys.prefix, "base": sys.base_prefix, "executable": sys.executable, "path": sys.path,
    "user": site.ENABLE_USER_SITE, "purelib": sysconfig.get_path("purelib"), "version": sys.version.split()[0],
}))
"""


def ask(python: Path, lab: Lab, **more: str) -> dict[str, object]:
    done = run([str(python), "-c", QUESTION], env={**lab.environ, **more}, code=0)
    answer: dict[str, object] = json.loads(done.out)
    return answer


def test_python_runs_in_it(lab: Lab) -> None:
    prefix = lab.materialize(lab.lock(lab.wheel("one")))
    answer = ask(prefix / "bin/python", lab)
    assert answer["prefix"] == str(prefix)
    assert os.path.realpath(str(answer["base"])) == os.path.realpath(sys.base_prefix)
    assert answer["executable"] == str(prefix / "bin/python")
    assert answer["purelib"] == str(site_packages(prefix))
    assert answer["version"] == here().version
    names = {path.name for path in (prefix / "bin").iterdir() if path.name.startswith("python")}
    assert names == {"python", "python3", f"python{'.'.join(here().version.split('.')[:2])}"}
    assert (prefix / "lib64").readlink() == Path("lib")


def test_the_configuration_is_that_of_a_virtual_environment(lab: Lab) -> None:
    prefix = lab.materialize(lab.lock())
    lines = (prefix / "pyvenv.cfg").read_text().splitlines()
    config = dict(line.split(" = ", 1) for line in lines)
    assert config["include-system-site-packages"] == "false"
    assert Path(config["home"]).is_dir()
    assert config["version"] == here().version
    assert Path(config["executable"]).samefile(base_python())


def test_under_exec_nothing_of_the_user_is_on_the_path(lab: Lab) -> None:
    """No user site, no PYTHONPATH, no PYTHONHOME; the module of the environment is found."""
    prefix = lab.materialize(lab.lock(lab.wheel("one")))
    env = {"PYTHONPATH": "/nowhere/at-all", "PYTHONHOME": "/nowhere", "PYTHONUSERBASE": str(lab.folder)}
    done = lab.run("exec", prefix, "--", "python", "-c", "import one\n" + QUESTION, env=env)
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert (answer["prefix"], answer["user"]) == (str(prefix), False)
    assert not [path for path in answer["path"] if "nowhere" in path or str(lab.folder / "home") in path]


@pytest.fixture
def made(lab: Lab) -> Path:
    """A `--prefix` environment and, of the same store, one of the store's own and a second prefix."""
    one = lab.wheel("one", files={"one.py": "x = 1\n", "one_data/a.txt": "a"})
    two = lab.wheel("two", requires=["one>=1"], entry_points={"console_scripts": {"two": "one:main"}})
    lock = lab.lock(lab.row(one, requested=True), two)
    lab.materialize(lock, prefix=None)
    lab.materialize(lock, prefix="other")
    return lab.materialize(lock)


def others(lab: Lab) -> dict[str, dict[str, str]]:
    return {
        "store": snapshot(lab.store / "artifacts"),
        "envs": snapshot(lab.store / "envs"),
        "other": snapshot(lab.prefix("other")),
    }


def pip(lab: Lab, prefix: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(prefix / "bin/python"), *arguments]
    done = run(command, env=lab.environ, code=0)
    assert done.err == ""
    return done.out


def test_uv_lists_and_checks(lab: Lab, made: Path) -> None:
    python = made / "bin/python"
    listed = uv("pip", "list", "--python", python, "--format", "json", env=lab.environ).out
    assert json.loads(listed) == [
        {"name": "one", "version": "1.0"},
        {"name": "two", "version": "1.0"},
    ]
    assert (
        "All installed packages are compatible" in uv("pip", "check", "--python", python, env=lab.environ).err
    )


def test_uv_and_pip_change_only_what_they_are_told(lab: Lab, made: Path, tmp_path: Path) -> None:
    """Install, upgrade and uninstall in a `--prefix` environment: the store and other environments stay."""
    before = others(lab)
    newer = lab.wheel("one", "2.0", files={"one.py": "x = 2\n", "one_data/a.txt": "b"})
    offline = ("--no-index", "--no-deps")
    assert {row["name"] for row in json.loads(pip(lab, made, "list", "--format", "json"))} == {"one", "two"}
    pip(lab, made, "check")
    pip(lab, made, "install", *offline, str(newer))
    assert run([str(made / "bin/python"), "-c", "import one; print(one.x)"], env=lab.environ).out == "2\n"
    pip(lab, made, "uninstall", "-y", "one", "two")
    assert not (made / "bin/two").exists()
    python = ("--python", made / "bin/python")
    uv("pip", "install", *python, "--offline", *offline, newer, env=lab.environ)
    uv("pip", "uninstall", *python, "one", env=lab.environ)
    left = [path.name for path in site_packages(made).iterdir() if path.name != "__pycache__"]
    assert left == []
    assert others(lab) == before


def test_writing_through_a_linked_file_is_not_possible(lab: Lab, made: Path) -> None:
    """What is linked to the store can't be opened for writing by its user; root must break the link first."""
    linked = site_packages(made) / "one.py"
    assert linked.stat().st_mode & 0o222 == 0
    assert linked.stat().st_nlink > 1


def test_pip_installs_into_an_empty_environment(lab: Lab) -> None:
    """Nothing locked, nothing installed: still a place to install into."""
    prefix = lab.materialize(lab.lock())
    pip(lab, prefix, "install", "--no-index", "--no-deps", str(lab.wheel("one")))
    assert (site_packages(prefix) / "one.py").exists()


@pytest.mark.skipif(shutil.which("csh") is None and shutil.which("tcsh") is None, reason="no csh here")
def test_activate_in_csh(lab: Lab) -> None:
    prefix = lab.materialize(lab.lock(lab.wheel("one")))
    shell = shutil.which("csh") or shutil.which("tcsh")
    # An alias holds from the next line on.
    script = lab.folder / "script.csh"
    script.write_text(f"source {prefix}/bin/activate.csh\nwhich python\ndeactivate\necho $?VIRTUAL_ENV\n")
    done = run([str(shell), "-f", str(script)], env=lab.environ)
    assert done.out == f"{prefix}/bin/python\n0\n", done


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_activate_in_fish(lab: Lab) -> None:
    prefix = lab.materialize(lab.lock(lab.wheel("one")))
    text = (
        f"source {prefix}/bin/activate.fish; command -s python; deactivate; set -q VIRTUAL_ENV; echo $status"
    )
    done = run(["fish", "-N", "-c", text], env=lab.environ)
    assert done.out == f"{prefix}/bin/python\n1\n", done
