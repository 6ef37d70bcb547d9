"""The search path is the one that the user's interpreter has, each entry with its layer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.scan.environment import Environment, clean, one

from fastenv.scan import scan
from fastenv.scan.layers import prefix_of
from fastenv.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable


def real_path(python: Path, environ: dict[str, str]) -> list[str]:
    """sys.path as Python itself says; the directories that exist."""
    code = "import json, sys; print(json.dumps(sys.path[1:]))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, env=clean(**environ))
    return [path for path in json.loads(done.stdout) if Path(path).is_dir()]


@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("no_user", [False, True])
def test_search_path_is_pythons_own(
    make_environment: Callable[..., Environment], tmp_path: Path, *, system: bool, no_user: bool
) -> None:
    """PYTHONPATH, a user's site with a .pth, a .pth in the venv, with and without the system's
    packages."""
    environment = make_environment("env", *(["--system-site-packages"] if system else []))
    series = environment.site.parent.name
    user = tmp_path / "home" / "lib" / series / "site-packages"
    for folder in (user, tmp_path / "one", tmp_path / "two", tmp_path / "three"):
        folder.mkdir(parents=True)
    (user / "two.pth").write_text(f"{tmp_path / 'two'}\n# comment\n\n{tmp_path / 'absent'}\n")
    (environment.site / "three.pth").write_text(f"{tmp_path / 'three'}\n{tmp_path / 'one'}\nimport os\n")
    environ = {
        "PYTHONPATH": f"{tmp_path / 'one'}:{tmp_path / 'gone'}",
        "PYTHONUSERBASE": str(tmp_path / "home"),
    }
    if no_user:
        environ["PYTHONNOUSERSITE"] = "1"
    inventory = environment.scan(environ)
    assert [entry.path for entry in inventory.search_path] == real_path(environment.python, environ)
    layers = {entry.path: entry.layer for entry in inventory.search_path}
    assert layers[str(tmp_path / "one")] == "PYTHONPATH"
    assert layers[str(environment.site)] == "env"
    assert layers[str(tmp_path / "three")] == ".pth"
    assert layers.get(str(user)) == ("user" if system and not no_user else None)
    assert ("base" in {entry.layer for entry in inventory.search_path if entry.site}) is system
    assert any(str(tmp_path / "gone") in note for note in inventory.notes)
    assert inventory.variables[0] == ("PYTHONNOUSERSITE", "1") if no_user else inventory.variables


def test_a_bare_interpreter() -> None:
    """Without a venv, the interpreter's own site-packages are the environment."""
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"  # Debian has no other name
    inventory = scan(python=python, environ=clean())
    assert [entry.path for entry in inventory.search_path] == real_path(python, {})
    assert {entry.layer for entry in inventory.search_path if entry.site} <= {"env", "user"}
    assert inventory.interpreter is not None
    assert not inventory.interpreter.is_venv


def test_only_the_environment(make_environment: Callable[..., Environment], tmp_path: Path) -> None:
    """layers="env" leaves the user's, the system's and PYTHONPATH out."""
    environment = make_environment("env", "--system-site-packages")
    make_wheel(tmp_path / "w", "other")
    inventory = environment.scan({"PYTHONPATH": str(tmp_path)}, layers="env")
    assert {entry.layer for entry in inventory.search_path} == {"env"}


def test_layers_of_distributions(make_environment: Callable[..., Environment], tmp_path: Path) -> None:
    """One distribution in each layer; where a name is in several, the first on the path is the
    one."""
    base = make_environment("base")
    environment = make_environment("env", "--system-site-packages")
    user = tmp_path / "home" / "lib" / environment.site.parent.name / "site-packages"
    module = tmp_path / "modules" / "foo" / "lib" / environment.site.parent.name / "site-packages"
    environment.install(environment.wheel("shared", "1.0"))
    for folder, name in ((user, "personal"), (module, "from-module")):
        base.install_by_pip("--target", folder, base.wheel(name), base.wheel("shared", "2.0"))
    environ = {"PYTHONPATH": str(module), "PYTHONUSERBASE": str(tmp_path / "home")}
    inventory = environment.scan(environ)
    assert one(inventory, "personal").layer == "user"
    assert one(inventory, "from-module").layer == "PYTHONPATH"
    assert (one(inventory, "shared").layer, one(inventory, "shared").version) == (
        "PYTHONPATH",
        "2.0",
    )
    losers = {(item.layer, item.version) for item in inventory.shadowed if item.name == "shared"}
    assert losers == {("env", "1.0"), ("user", "2.0")}
    assert all("comes before" in item.reason for item in inventory.shadowed)


@pytest.mark.parametrize(
    ("site", "prefix"),
    [
        ("/opt/env/lib/python3.11/site-packages", "/opt/env"),
        ("/opt/env/lib64/python3.13t/site-packages", "/opt/env"),
        ("/usr/lib/python3/dist-packages", "/usr"),
        ("/usr/local/lib/python3.11/dist-packages", "/usr/local"),
        ("/lib/python3/dist-packages", "/"),
        ("/home/me/.local/lib/python3.11/site-packages", "/home/me/.local"),
        ("/home/me/target", "/home/me/target"),
    ],
)
def test_prefix_of(site: str, prefix: str) -> None:
    """What RECORD rows above a site directory are relative to."""
    assert prefix_of(site) == prefix
