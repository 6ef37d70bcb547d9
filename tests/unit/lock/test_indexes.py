"""Which index is public."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from fastenv.lock import indexes
from fastenv.lock.credentials import Credentials, realm
from fastenv.lock.indexes import Publicity
from fastenv.lock.sources import Network, Source, Sources

ADDRESSES = {
    "public.example": "198.51.100.7",
    "inside.example": "10.1.2.3",
    "shared.example": "100.64.1.1",
    "six.example": "fd00::1",
    "self.example": "127.0.0.1",
}


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver of our own, so that no test asks the network."""

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host not in ADDRESSES:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESSES[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    indexes._addresses.cache_clear()


def publicity(*sources: Source, environ: dict[str, str] | None = None, **given: Any) -> Publicity:
    known = {"HOME": "/nonexistent", **(environ or {})}
    credentials = Credentials(Sources(sources, (), Network()), known)
    return Publicity(credentials, environ=known, **given)


CASES = [
    ("https://public.example/simple", None),
    ("https://unknown.example/simple", None),  # a name that can't be resolved proves nothing
    ("https://198.51.100.7/simple", None),
    ("https://me:word@public.example/simple", "login"),
    ("https://token@public.example/simple", "login"),
    ("https://public.example/simple?key=1", "query"),
    ("https://public.example/priv/0123456789abcdef0123456789abcdef/simple", "token"),
    ("https://public.example/a-long-name-of-a-team-index/simple", None),
    ("file:///some/index", "folder"),
    ("http://localhost:8080/simple", "this machine"),
    ("http://LOCALHOST./simple", "this machine"),
    ("http://127.0.0.1:3141/simple", "this machine"),
    ("http://127.8.9.1/simple", "this machine"),
    ("http://[::1]:8080/simple", "this machine"),
    ("http://0.0.0.0/simple", "this machine"),
    ("http://self.example/simple", "this machine"),
    ("http://10.0.0.9/simple", "private address"),
    ("http://172.16.0.1/simple", "private address"),
    ("http://172.32.0.1/simple", None),
    ("http://192.168.1.1/simple", "private address"),
    ("http://169.254.1.1/simple", "private address"),
    ("http://[fe80::1]/simple", "private address"),
    ("http://[::ffff:10.0.0.1]/simple", "private address"),
    ("http://inside.example/simple", "private address"),
    ("http://shared.example/simple", "private address"),
    ("http://six.example/simple", "private address"),
]


@pytest.mark.parametrize(("url", "reason"), CASES)
def test_by_url(url: str, reason: str | None) -> None:
    source = Source(url, "index")
    found = publicity(source).private_reason(source)
    assert found is None if reason is None else reason in str(found)


def test_find_links_are_never_public() -> None:
    source = Source("https://public.example/links", "find-links")
    assert publicity(source, public=[source.url]).private_reason(source)


@pytest.mark.parametrize(
    ("public", "private", "listed", "is_public"),
    [
        (["http://10.0.0.9/simple"], [], "", True),
        (["http://10.0.0.9/simple/"], [], "", True),
        (["HTTP://10.0.0.9:80/simple"], [], "", True),
        (["http://10.0.0.9"], [], "", True),  # all that is below
        (["http://10.0.0.9/sim"], [], "", False),
        (["https://10.0.0.9/simple"], [], "", False),
        ([], [], "https://x.example,http://10.0.0.9/simple", True),
        ([], [], "https://x.example http://10.0.0.9/simple", True),
        (["http://10.0.0.9"], ["http://10.0.0.9/simple"], "", False),
    ],
)
def test_the_users_word(public: list[str], private: list[str], listed: str, is_public: bool) -> None:
    source = Source("http://10.0.0.9/simple", "index")
    asked = publicity(source, public=public, private=private, environ={"FASTENV_PUBLIC_INDEXES": listed})
    assert (asked.private_reason(source) is None) == is_public


def test_netrc(tmp_path: Path) -> None:
    """An entry for the host makes it private; the default entry, which is for any host, does not."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine public.example login me password w\ndefault login any password w\n")
    netrc.chmod(0o600)
    asked = publicity(environ={"NETRC": str(netrc)})
    assert "netrc" in str(asked.private_reason(Source("https://public.example/simple", "index")))
    assert asked.private_reason(Source("https://other.example/simple", "index")) is None


def test_variables_of_a_named_index() -> None:
    source = Source("https://public.example/simple", "index", name="my-index")
    assert publicity(source, environ={"UV_INDEX_MY_INDEX_PASSWORD": "w"}).private_reason(source)
    assert not publicity(source, environ={"UV_INDEX_OTHER_PASSWORD": "w"}).private_reason(source)


def test_uvs_store_of_credentials(tmp_path: Path) -> None:
    (tmp_path / "credentials.toml").write_text(
        '[[credential]]\nservice = "https://public.example/"\nusername = "me"\nscheme = "basic"\npassword = "w"\n'
    )
    asked = publicity(environ={"UV_CREDENTIALS_DIR": str(tmp_path)})
    assert "uv's store" in str(asked.private_reason(Source("https://public.example/simple", "index")))
    assert asked.private_reason(Source("https://unknown.example/simple", "index")) is None


def test_keyring_only_where_it_is_turned_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "keyring"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.log"\necho me\necho w\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    source = Source("https://public.example/simple", "index")
    assert publicity(source).private_reason(source) is None
    assert not (tmp_path / "keyring.log").exists()
    turned_on = Credentials(Sources((source,), (), Network(keyring=True)), {"HOME": "/nonexistent"})
    assert "keyring" in str(Publicity(turned_on, environ={}).private_reason(source))
    assert (tmp_path / "keyring.log").read_text() == "--mode creds get https://public.example/simple\n"


@pytest.mark.parametrize(
    ("url", "is_public"),
    [
        ("https://files.public.example/ab/0123456789abcdef0123456789abcdef01/x.whl", True),
        ("https://files.public.example/x.whl?signature=1", False),
        ("https://me:w@public.example/x.whl", False),
        ("http://10.0.0.9/x.whl", False),
        ("file:///x.whl", False),
    ],
)
def test_files_of_a_public_index(url: str, is_public: bool) -> None:
    source = Source("https://public.example/simple", "index")
    assert (publicity(source).file_reason(url, source) is None) == is_public


def test_logins_go_to_their_own_realm_only() -> None:
    source = Source("https://me:w%40rd@public.example/simple", "index")
    credentials = Credentials(Sources((source,), (), Network()), {"HOME": "/nonexistent"})
    assert credentials.login("https://public.example/files/x.whl") == ("me", "w@rd")
    for other in ("http://public.example/x", "https://public.example:444/x", "https://other.example/x"):
        assert credentials.login(other) is None
    assert "w%40rd" in credentials.secrets() or "w@rd" in credentials.secrets()
    assert "w@rd" not in json.dumps(repr(credentials))
    assert realm("HTTPS://Public.example/x") == realm("https://public.example:443")
