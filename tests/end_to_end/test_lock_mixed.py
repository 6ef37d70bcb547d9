"""A modern environment: a CPython of this machine as a conda package, pure packages, and wheels by uv on top."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.conda_package import make_package, pack_python, pack_wheel
from tests.lab.conda_prefix import install as install_conda
from tests.lab.conda_prefix import move_channel
from tests.lab.index_server import IndexServer
from tests.lab.venv import install

from fastenv.lock import Lock, lock
from fastenv.materialize import materialize
from fastenv.scan import scan
from fastenv.testing import make_wheel
from fastenv.verify import verify


@pytest.fixture
def prefix(folder: Path, channel: Channel) -> Path:
    """CPython, a library, and two pure packages, of which one has a program."""
    made, wheels = channel.folder, folder / "condas-wheels"
    script = {"console_scripts": {"tool": "tool:main"}}
    archives = [
        pack_python(made),
        make_package(made, "libthing", "2.0", {"lib/thing.so": "thing", "share/thing.txt": "conda's"}),
        pack_wheel(
            made,
            make_wheel(
                wheels, "tool", "1.0", {"tool.py": "def main(): print('conda')\n"}, entry_points=script
            ),
        ),
        pack_wheel(made, make_wheel(wheels, "shadowed", "1.0", {"shadowed.py": "WHOSE = 'conda'\n"})),
    ]
    prefix = folder / "env"
    install_conda(archives, prefix)
    move_channel(prefix, channel.url, old=made.as_uri())
    return prefix


@pytest.fixture
def index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    made = folder / "wheels"
    make_wheel(made, "shadowed", "2.0", {"shadowed.py": "WHOSE = 'pip'\n"})
    make_wheel(made, "plain", "1.0", {"plain.py": ""}, data={"data/share/thing.txt": "pip's"})
    with IndexServer(made) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        yield server


def locked(prefix: Path, folder: Path, *public: str) -> Lock:
    return lock(output=folder / "pylock.toml", prefix=prefix, public_indexes=public)


def test_both_halves(prefix: Path, folder: Path, channel: Channel, index: IndexServer) -> None:
    """uv takes conda's shadowed away; a wheel's data lie over a file of conda's."""
    python = prefix / "bin/python"
    run = [str(python), "-c", "import ssl, sys, tool; print(sys.prefix); tool.main()"]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout.split() == [
        str(prefix),
        "conda",
    ]
    install(python, "shadowed==2.0", "plain", index=index.url)
    inventory = scan(prefix=prefix)
    assert {it.name: it.origin.kind for it in inventory.distributions} == {
        "plain": "index",
        "shadowed": "index",
        "tool": "conda",
    }
    made = locked(prefix, folder, channel.url, index.url)
    assert [(it.name, it.version) for it in made.packages] == [("plain", "1.0"), ("shadowed", "2.0")]
    assert [it.name for it in made.conda] == ["libthing", "python", "tool"]
    assert all(it.url and it.url.startswith(channel.url) for it in made.conda)
    assert [(it.path, it.winner) for it in made.contested] == [("prefix/share/thing.txt", "plain")]
    assert [it.name for it in made.ignored] == ["conda:shadowed"]
    assert made.interpreter is not None
    assert made.interpreter.source == "conda"
    assert made.interpreter.version == ".".join(map(str, sys.version_info[:3]))


def test_a_program_that_both_make(prefix: Path, folder: Path, channel: Channel, index: IndexServer) -> None:
    """conda makes the programs of pure packages, and so does uv: who has written last is told by the hash."""
    script = {"console_scripts": {"tool": "other:main"}}
    make_wheel(index.folder, "other", "1.0", {"other.py": "def main(): print('pip')\n"}, entry_points=script)
    install(prefix / "bin/python", "other", index=index.url)
    (contested,) = locked(prefix, folder, channel.url, index.url).contested
    assert (contested.path, contested.winner) == ("prefix/bin/tool", "other")
    assert contested.claimants == ("conda:tool", "other")


def test_both_halves_elsewhere(prefix: Path, folder: Path, channel: Channel, index: IndexServer) -> None:
    """One tree of both: whose file was there is there again, and a scan finds what it found before."""
    install(prefix / "bin/python", "shadowed==2.0", "plain", index=index.url)
    locked(prefix, folder, channel.url, index.url)
    report = materialize(folder / "pylock.toml", root=folder / "root", prefix=folder / "elsewhere")
    made = folder / "elsewhere"
    code = "import sys, ssl, tool, shadowed, plain; print(sys.prefix, shadowed.WHOSE); tool.main()"
    ran = subprocess.run([made / "bin/python", "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == [str(made), "pip", "conda"]
    assert subprocess.run([made / "bin/tool"], check=True, capture_output=True, text=True).stdout == "conda\n"
    assert (made / "share/thing.txt").read_text() == "pip's"
    assert not (made / "pyvenv.cfg").exists()
    assert (report.packages, report.warnings) == (5, [])

    def seen(where: Path) -> set[tuple[str, str, str]]:
        return {(it.name, it.version, it.origin.kind) for it in scan(prefix=where).distributions}

    assert seen(made) == seen(prefix)
    assert verify(made, full=True) == ()
