"""Locks against an index behind a password, wherever that is kept: it is used and shown nowhere.

``test_secrets.py`` has every kind of credential at once; here each place of one password is alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.lab.index_server import IndexServer
from tests.lab.lab import Done, cli
from tests.lab.onlookers import Sight, watching
from tests.lab.venv import install, make_venv

from fastenv.exceptions import LockError
from fastenv.lock import Lock, lock
from fastenv.testing import make_wheel

SECRET = "s3cret-word-of-the-test"  # noqa: S105


@pytest.fixture(autouse=True)
def temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written for a while and forgotten is below ``folder``, too."""
    (folder / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))


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
        done = cli("lock", "--python", python, "-o", folder / "pylock.fastenv.toml", code=0)
        assert server.requests, "nobody asked the index"
    check_no_secret(folder, seen, done)
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
        done = cli("lock", "--python", python, "-o", folder / "pylock.fastenv.toml", code=0)
        check_no_secret(folder, seen, done)
        make_wheel(folder / "x", "absent", "1.0")
        install(python, "absent", links=folder / "x")
        strict = cli("lock", "--python", python, "-o", folder / "pylock.fastenv.toml", "--strict", code=3)
        server.options.password = SECRET[::-1]
        refused = cli("lock", "--python", python, "-o", folder / "pylock.other.toml", code=3)
    check_no_secret(folder, seen, strict, refused)


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


def check_no_secret(folder: Path, seen: Mapping[int, Sight], *said: Done) -> None:
    """Neither in a command line, nor in what was said, nor in any file that was left, but the user's settings."""
    lines = [
        command.replace(b"\0", b" ").decode(errors="replace")
        for it in seen.values()
        for command, _ in it.views
    ]
    assert any("pip compile" in line for line in lines), "uv was not seen at work"
    assert not [line for line in lines if SECRET in line]
    assert not [done for done in said if SECRET in done.out + done.err]
    settings = (".netrc", "pip.conf", "uv.toml")
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in settings:
            assert SECRET.encode() not in path.read_bytes(), path
