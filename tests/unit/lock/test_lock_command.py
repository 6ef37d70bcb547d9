"""The command line of ``fastenv lock``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.index_server import IndexServer
from tests.lab.lab import cli
from tests.lab.venv import alone, make_venv
from tests.unit.lock.inventories import inventory

from fastenv.event import Event
from fastenv.lock import Lock, lock
from fastenv.lock.check import check_lock
from fastenv.testing import make_wheel


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A venv with one package, on an index that is told to be public."""
    alone(monkeypatch, tmp_path / "home")
    make_wheel(tmp_path / "wheels", "alpha")
    with IndexServer(tmp_path / "wheels") as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("FASTENV_PUBLIC_INDEXES", index.url)
        yield make_venv(tmp_path / "env", "alpha", links=tmp_path / "wheels")


def test_ways_to_say_what_and_where(python: Path) -> None:
    """By interpreter, prefix or inventory; into a file or onto standard output: one text."""
    done = cli("lock", "--python", python)
    assert (done.code, done.out) == (0, ""), done.err
    text = Path("pylock.fastenv.toml").read_text()
    assert Lock.parse(text).packages[0].name == "alpha"
    assert cli("lock", "--prefix", python.parent.parent, "-o", "-").out == text
    cli("scan", "--python", python, "-o", "inventory.json", code=0)
    done = cli("lock", "--inventory", "inventory.json", "-o", "pylock.other.toml", "--json")
    assert Path("pylock.other.toml").read_text() == text
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert rows[-1] == {
        "event": "done",
        "lock": "pylock.other.toml",
        "env_id": Lock.parse(text).env_id,
        "packages": 1,
        "travelling": 0,
        "overlays": 0,
    }


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--python", "x", "--prefix", "y"], 2, "give one of"),
        (["--json", "-o", "-"], 2, "standard output"),
        (["--prefix", "/nonexistent"], 3, "/nonexistent"),
        (["--inventory", "absent.json"], 6, "absent.json cannot be read"),
        (["-o", "pylock.a.b.toml"], 3, "no name for a lock"),
    ],
)
def test_wrong_usage(python: Path, words: list[str], status: int, said: str) -> None:
    done = cli("lock", *words, code=status)
    assert said in done.err
    assert "Traceback" not in done.err


def test_faults_are_listed(python: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels" / "alpha-1.0-py3-none-any.whl").unlink()
    done = cli("lock", "--strict", "--python", python, code=3)
    assert "alpha 1.0: no index and no find-links folder has it" in done.err
    assert not Path("pylock.fastenv.toml").exists()


def test_another_environment_is_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose environment it is that is locked or compared is said, unless it was named."""
    scanned = inventory()
    monkeypatch.setattr(sys.modules["fastenv.scan"], "scan", lambda **_: scanned)
    monkeypatch.setenv("VIRTUAL_ENV", "/other")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.chdir(tmp_path)
    told: list[Event] = []
    lock(python=sys.executable, output="pylock.toml", on_event=told.append)
    assert [it.message for it in told if it.kind == "warning"] == [
        "VIRTUAL_ENV is /other, but /env was locked: --prefix /other locks that one"
    ]
    told.clear()
    assert check_lock("pylock.toml", python=sys.executable, on_event=told.append) == ()
    assert [(it.kind, it.message) for it in told] == [
        ("warning", "VIRTUAL_ENV is /other, but /env was compared: --prefix /other compares that one"),
        ("compared", "/env"),
    ]
    told.clear()
    lock(prefix="/env", on_event=told.append)
    assert [it for it in told if it.kind == "warning"] == []
