"""A conda python whose site-packages is elsewhere (CEP 17), and the headers of wheels over a conda python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import make_package, pack_python, pack_wheel
from tests.lab.conda_prefix import install as install_conda
from tests.lab.conda_prefix import move_channel
from tests.lab.index_server import IndexServer
from tests.lab.lab import Lab
from tests.lab.locks import restate
from tests.lab.venv import install

from fastenv.lock import lock
from fastenv.testing import make_wheel

SERIES = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    made = folder / "wheels"
    headers = {"headers/api.h": "// pip's\n", "headers/own.h": "//\n"}
    make_wheel(made, "heady", "1.0", {"heady.py": "WHOSE = 'pip'\n"}, data=headers)
    with IndexServer(made) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        yield server


def conda_prefix(folder: Path, channel: Channel, python: Path) -> Path:
    """A python, a pure package, and headers where a wheel will have some."""
    script = {"console_scripts": {"tool": "tool:main"}}
    tool = make_wheel(
        folder / "condas", "tool", "1.0", {"tool.py": "def main(): print('conda')\n"}, entry_points=script
    )
    heads = make_package(
        channel.folder, "heads", files={f"include/{SERIES}/heady/api.h": "// conda's\n", "share/heads": "x"}
    )
    prefix = folder / "env"
    install_conda([python, heads, pack_wheel(channel.folder, tool)], prefix)
    move_channel(prefix, channel.url, old=channel.folder.as_uri())
    return prefix


def files(prefix: Path, below: str) -> dict[str, bytes]:
    """What is there, but byte code and what each installer says of itself."""
    own = ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json", "direct_url.json")
    found = (path for path in (prefix / below).rglob("*") if path.is_file())
    return {
        str(path.relative_to(prefix)): path.read_bytes()
        for path in found
        if path.suffix != ".pyc" and path.name not in own
    }


def test_a_python_that_looks_elsewhere_than_the_lock_says(lab: Lab, channel: Channel) -> None:
    """The archive of the python is asked, before anything is put where it would not look."""
    facts = {"python_site_packages_path": f"lib/{SERIES}t/site-packages"}
    python = make_package(channel.folder, "python", "3.13.1", {"bin/python": "#!/bin/sh\n"}, facts=facts)
    said = lab.refuse(conda_lock([archive_at(python)], lab.folder), 4)
    assert "python_site_packages_path" in said
    assert f"lib/{SERIES}t/site-packages" in said
    assert "lib/python3.13/site-packages" in said


@pytest.mark.parametrize("site", ["lib/python3.13t/site-packages", "lib/elsewhere/deeper/here"])
def test_site_packages_elsewhere(lab: Lab, channel: Channel, site: str) -> None:
    """Pure packages go there, and are recorded there."""
    facts = {"python_site_packages_path": site}
    python = make_package(channel.folder, "python", "3.13.1", {"bin/python": "#!/bin/sh\n"}, facts=facts)
    tool = pack_wheel(
        channel.folder, make_wheel(lab.folder / "condas", "tool", "1.0", {"tool/a.py": "A = 1\n"})
    )
    path = conda_lock([archive_at(python), archive_at(tool)], lab.folder)
    text = path.read_text().replace('source = "conda"\n', f'source = "conda"\nsite-packages = "{site}"\n')
    path.write_text(restate(text))
    prefix = lab.materialize(path)
    assert (prefix / site / "tool/a.py").read_text() == "A = 1\n"
    assert (prefix / site / "__pycache__").is_dir(), (
        "made, so that an import by root does not move the folder's time"
    )
    assert not (prefix / "lib/python3.13").exists()
    (record,) = (prefix / "conda-meta").glob("tool-*.json")
    assert f"{site}/tool/a.py" in json.loads(record.read_text())["files"]
    assert lab.run("verify", prefix, "--full").code == 0
    (prefix / site / "mine.py").touch()
    assert lab.run("verify", prefix).out == f"unexpected: {site}/mine.py\n"


@pytest.mark.parametrize("installer", ["pip", pytest.param("uv", marks=pytest.mark.slow)])
def test_headers_of_wheels(
    lab: Lab, folder: Path, channel: Channel, index: IndexServer, installer: str
) -> None:
    """They are in the folder of the python's own, where pip and uv put them, and may lie over a conda package's."""
    prefix = conda_prefix(folder, channel, pack_python(channel.folder))
    python = prefix / "bin/python"
    if installer == "uv":
        install(python, "heady", index=index.url)
    else:
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--quiet"]
        done = subprocess.run(
            [*pip, "--index-url", index.url, "heady"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        assert done.returncode == 0, done.stderr
    headers = prefix / f"include/{SERIES}/heady"
    assert {path.name: path.read_text() for path in headers.iterdir()} == {
        "api.h": "// pip's\n",
        "own.h": "//\n",
    }
    made = lock(output=folder / "pylock.toml", prefix=prefix, public_indexes=[channel.url, index.url])
    assert [(it.path, it.winner) for it in made.contested] == [
        (f"prefix/include/{SERIES}/heady/api.h", "heady")
    ]
    copy = lab.prefix("elsewhere")
    made_it = lab.run("materialize", folder / "pylock.toml", "--prefix", copy)
    assert (made_it.code, "warning" in made_it.err) == (0, False), made_it.err
    assert files(copy, "include") == files(prefix, "include")
    record = (copy / f"lib/{SERIES}/site-packages/heady-1.0.dist-info/RECORD").read_text()
    assert f"../../../include/{SERIES}/heady/own.h," in record
    assert lab.run("verify", copy, "--full").code == 0
    assert lock(prefix=copy, public_indexes=[channel.url, index.url]).env_id == made.env_id
