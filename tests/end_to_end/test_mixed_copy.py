"""A conda environment with pip's packages on top: scanned, locked, made elsewhere, and the same there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.conda_package import make_package, pack_python, pack_wheel
from tests.lab.conda_prefix import edit_record, move_channel, record_of
from tests.lab.conda_prefix import install as install_conda
from tests.lab.index_server import IndexServer
from tests.lab.venv import install

from fastenv import materialize
from fastenv.lock import lock
from fastenv.scan import Inventory, scan
from fastenv.testing import make_wheel


@pytest.fixture
def servers(folder: Path) -> Iterator[tuple[Channel, IndexServer]]:
    wheels = folder / "wheels"
    for name in ("replaced", "covered", "taken"):
        make_wheel(wheels, name, "2.0", {f"{name}/__init__.py": "WHOSE = 'pip'\n"})
    with Channel(folder / "channel") as channel, IndexServer(wheels) as index:
        yield channel, index


def test_the_copy_is_the_same(
    folder: Path, servers: tuple[Channel, IndexServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of conda's packages pip has replaced one, covered one, and taken all but a file of a third."""
    channel, index = servers
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    prefix = _conda_prefix(folder, channel)
    python = prefix / "bin/python"
    install(python, "replaced==2.0", index=index.url)
    kept = prefix / "lib" / _python(prefix) / "site-packages/taken/data.txt"
    content = kept.read_bytes()
    install(python, "taken==2.0", index=index.url)
    kept.write_bytes(content)
    info = kept.parent.parent / "covered-1.0.dist-info"
    shutil.copytree(info, folder / "covered-info")
    shutil.move(info, folder / "aside")  # so that the installer does not know that it is there
    install(python, "covered==2.0", index=index.url)
    shutil.copytree(folder / "covered-info", info)

    here = scan(prefix=prefix)
    made = lock(here, output=folder / "pylock.toml", public_indexes=[channel.url, index.url])
    copy = folder / "another-place/env"
    materialize(made, root=folder / "root", prefix=copy)
    there = scan(prefix=copy)

    assert _told(there) == _told(here)
    assert there.broken == ()
    assert _files(copy) == _files(prefix)
    assert not list(copy.glob("lib/*/site-packages/taken-1.0.dist-info")), "pip took all that was in it"
    run = [str(copy / "bin/python"), "-c", _WHOSE]
    said = subprocess.run(run, check=True, capture_output=True, text=True, cwd=folder).stdout.split()
    assert said == [str(copy), "pip", "pip", "pip"]
    tool = subprocess.run([copy / "bin/tool"], check=True, capture_output=True, text=True)
    assert tool.stdout == "conda\n"
    assert made.env_id == lock(there, public_indexes=[channel.url, index.url]).env_id


_WHOSE = "import sys, covered, replaced, taken; print(sys.prefix, covered.WHOSE, replaced.WHOSE, taken.WHOSE)"


def _conda_prefix(folder: Path, channel: Channel) -> Path:
    made, wheels = channel.folder, folder / "condas-wheels"
    script = {"console_scripts": {"tool": "tool:main"}}
    tool = make_wheel(wheels, "tool", "1.0", {"tool.py": "def main(): print('conda')\n"}, entry_points=script)
    files = {"__init__.py": "WHOSE = 'conda'\n", "data.txt": "conda's"}
    others = [
        make_wheel(wheels, name, "1.0", {f"{name}/{file}": text for file, text in files.items()})
        for name in ("replaced", "covered", "taken")
    ]
    library = make_package(
        made, "libthing", "2.0", {"lib/thing.so": "thing", "etc/thing.conf": "at /old/prefix"}
    )
    archives = [pack_python(made), library, *(pack_wheel(made, wheel) for wheel in (tool, *others))]
    prefix = folder / "env"
    install_conda(archives, prefix)
    move_channel(prefix, channel.url, old=made.as_uri())
    edit_record(prefix, "tool", requested_specs=["tool >=1"])
    assert record_of(prefix, "tool").is_file()
    return prefix


def _python(prefix: Path) -> str:
    return next((prefix / "lib").glob("python3.*")).name


def _told(inventory: Inventory) -> object:
    """What an environment is: what differs between two places, and who installed, apart."""
    conda = inventory.conda
    assert conda is not None
    packages = [
        (it.name, it.version, it.build, it.subdir, it.noarch, it.url, it.sha256, it.requested)
        for it in conda.packages
    ]
    distributions = [(it.name, it.version, it.origin.kind, it.files_digest) for it in inventory.distributions]
    contested = [(it.path, it.winner) for it in inventory.contested]
    return packages, distributions, contested


def _files(prefix: Path) -> set[str]:
    """All but what only an installation has of itself, and the records of packages of which nothing is left."""
    every = {
        os.path.relpath(f"{folder}/{name}", prefix)
        for folder, _, names in os.walk(prefix)
        for name in names
        if not folder.endswith("__pycache__")
    }
    own = ("CACHEDIR.TAG", "conda-meta/replaced-1.0-0.json")
    ends = ("/REQUESTED", "/uv_cache.json", "/direct_url.json")
    return {it for it in every if not it.startswith((".fastenv/", *own)) and not it.endswith(ends)}
