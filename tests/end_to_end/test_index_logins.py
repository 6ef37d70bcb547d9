"""Locks against an index behind a password, wherever that is kept: it is used and shown nowhere.

``test_secrets.py`` has every kind of credential at once; here each place of one password is alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.lab.index_server import IndexServer
from tests.lab.onlookers import Sight, watching
from tests.lab.venv import alone, install, make_venv

from fastenv.exceptions import LockError
from fastenv.lock import Lock, lock
from fastenv.testing import make_wheel

SECRET = "s3cret-word-of-the-test"  # noqa: S105


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    alone(monkeypatch, tmp_path / "home")
    return tmp_path


@pytest.fixture
def wheels(folder: Path) -> Path:
    made = folder / "wheels"
    make_wheel(made, "alpha", "1.0", {"alpha.py": "A = 1\n"})
    make_wheel(made, "beta", "2.0", {"beta.py": ""})
    return made


def test_netrc_and_no_secret_anywhere(folder: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index behind a password works by netrc, is not public, and the password goes nowhere."""
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    netrc = folder / "home" / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)
    with (
        IndexServer(wheels, user="me", password=SECRET, latency_s=0.05) as server,
        watching() as seen,
    ):
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        out = run_cli(folder, "--python", str(python), "-o", str(folder / "pylock.fastenv.toml"))
        assert server.requests, "nobody asked the index"
    assert out.returncode == 0, out.stderr
    check_no_secret(folder, seen, out.stdout + out.stderr)
    assert all(p.path for p in Lock.read(folder / "pylock.fastenv.toml").packages)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["url", "pip.conf", "uv.toml", "variables"])
def test_password_in_settings_goes_nowhere(
    folder: Path, wheels: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that the settings themselves hold is used and is shown nowhere, in success and in failure."""
    python = make_venv(folder / "env", "alpha", "beta", links=wheels)
    with (
        IndexServer(wheels, user="me", password=SECRET, latency_s=0.05) as server,
        watching() as seen,
    ):
        configure_password(where, server, folder, monkeypatch)
        out = run_cli(folder, "--python", str(python), "-o", str(folder / "pylock.fastenv.toml"))
        assert out.returncode == 0, out.stderr
        check_no_secret(folder, seen, out.stdout + out.stderr)
        make_wheel(folder / "x", "absent", "1.0")
        install(python, "absent", links=folder / "x")
        out = run_cli(folder, "--python", str(python), "-o", str(folder / "pylock.fastenv.toml"), "--strict")
        assert out.returncode == 3
        server.options.password = SECRET[::-1]
        out2 = run_cli(folder, "--python", str(python), "-o", str(folder / "pylock.other.toml"))
        assert out2.returncode in (3, 7)
    check_no_secret(folder, seen, out.stdout + out.stderr + out2.stdout + out2.stderr)
    assert not list(Path(tempfile.gettempdir()).glob("fastenv-uv-*.toml"))


def configure_password(
    where: str, server: IndexServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url.replace("http://", f"http://me:{SECRET}@")
    config = folder / "home" / ".config"
    if where == "url":
        monkeypatch.setenv("PIP_INDEX_URL", url)
    elif where == "pip.conf":
        (config / "pip").mkdir(parents=True)
        (config / "pip" / "pip.conf").write_text(f"[global]\nindex-url = {url}\n")
    elif where == "uv.toml":
        (config / "uv").mkdir(parents=True)
        (config / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{url}"\ndefault = true\n')
    else:
        monkeypatch.setenv("UV_INDEX", f"inner={server.url}")
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        monkeypatch.setenv("UV_INDEX_INNER_USERNAME", "me")
        monkeypatch.setenv("UV_INDEX_INNER_PASSWORD", SECRET)


def test_without_the_password(folder: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that refuses us is named, with what to do."""
    python = make_venv(folder / "env", "alpha", links=wheels)
    with IndexServer(wheels, user="me", password=SECRET) as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        with pytest.raises(LockError) as caught:
            lock(python=python)
    assert "401" in str(caught.value)
    assert "login" in str(caught.value)


def run_cli(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``fastenv lock`` as a process of its own."""
    command = [sys.executable, "-m", "fastenv", "lock", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def check_no_secret(folder: Path, seen: Mapping[int, Sight], output: str) -> None:
    lines = [
        command.replace(b"\0", b" ").decode(errors="replace")
        for it in seen.values()
        for command, _ in it.views
    ]
    assert any("pip compile" in line for line in lines), "uv was not seen at work"
    assert not [line for line in lines if SECRET in line]
    assert SECRET not in output
    settings = (".netrc", "pip.conf", "uv.toml")
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in settings:
            assert SECRET.encode() not in path.read_bytes(), path
