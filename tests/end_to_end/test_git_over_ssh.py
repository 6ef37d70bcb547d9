"""What came from Git over ssh goes to nodes that know neither the host nor a key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.lab import clean_environment, run
from tests.lab.project import commit, make_project
from tests.lab.ssh_server import SshServer
from tests.lab.venv import alone, install, make_venv

import fastenv
from fastenv.lock import lock
from fastenv.scan import scan

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_git_over_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str) -> None:
    """It is packed up from what is installed: the lock keeps the commit, and neither host nor user."""
    alone(monkeypatch, tmp_path / "home")
    source = make_project(tmp_path / "repositories" / "our-tool", "our-tool", log=tmp_path / "builds")
    revision = commit(source)
    with SshServer(tmp_path / "server") as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        refused = subprocess.run(["git", "ls-remote", server.url(source).replace("@", "x@")], check=False)
        assert refused.returncode != 0, "not everybody comes in"
        python = make_venv(tmp_path / "env")
        _install(python, f"our-tool @ git+{server.url(source)}@{revision}", installer)
    # the host is gone, and so is what was built for the installation
    shutil.rmtree(source)
    shutil.rmtree(tmp_path / "home" / ".cache", ignore_errors=True)
    built = (tmp_path / "builds").read_text()
    inventory = scan(python=python)
    (found,) = (it for it in inventory.distributions if it.name == "our-tool")
    assert (found.origin.kind, found.origin.commit) == ("vcs", revision)
    made = lock(inventory, output=tmp_path / "pylock.toml")
    (row,) = (it for it in made.packages if it.name == "our-tool")
    assert (row.origin, row.reason, row.commit, row.travels) == ("repacked", "from git", revision, True)
    assert (tmp_path / "builds").read_text() == built, "nothing was built"
    for text in (made.text, inventory.to_json()):
        assert f"{server.user}@" not in text
    for secret in ("ssh://", str(server.port), str(tmp_path / "repositories")):
        assert secret not in made.text
    _check_node(tmp_path)


def _install(python: Path, requirement: str, installer: str) -> None:
    if installer == "uv":
        install(python, requirement)
        return
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-cache-dir"]
    subprocess.run([*command, "--no-index", "--no-deps", requirement], check=True, env=dict(os.environ))


def _check_node(folder: Path) -> None:
    """A node without any network, and with a home of its own."""
    environ = {**clean_environment(folder / "node"), "FASTENV_ROOT": str(folder / "root")}
    (folder / "node").mkdir()
    apart = ["unshare", "--net", str(fastenv.node_program())]
    made = run([*apart, "materialize", str(folder / "pylock.toml")], env=environ, code=0).out.strip()
    code = "import our_tool; print(our_tool.VALUE)"
    done = run([*apart, "exec", str(folder / "pylock.toml"), "--", "python", "-c", code], env=environ, code=0)
    assert done.out == "1\n"
    assert not list(Path(made).rglob("direct_url.json"))
