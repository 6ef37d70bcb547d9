"""Locks that name indexes which are not public, and nodes that have logins of their own, or have none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.lab.index_server import Fault, IndexServer
from tests.lab.lab import Done, clean_environment, run
from tests.lab.venv import alone, make_venv, site_of

import fastenv
from fastenv.exceptions import NetworkError
from fastenv.lock import Lock, lock
from fastenv.testing import make_wheel

SECRET = "s3cret-word-of-the-test"  # noqa: S105
TOKEN = "t0k3nInThe9Path8Of7An6Index5"  # noqa: S105


@dataclass
class World:
    """An environment whose package comes from an index that wants a login, and a node."""

    folder: Path
    python: Path
    settings: pytest.MonkeyPatch
    environ: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environ = {**clean_environment(self.folder / "node"), "FASTENV_ROOT": str(self.folder / "root")}
        (self.folder / "node").mkdir()

    def lock(self, index: IndexServer, name: str | None = "our-index", **how: Any) -> Lock:
        """Against the index, by that name in uv's settings, or by none in pip's."""
        with self.settings.context() as settings:
            if name is None:
                settings.setenv("PIP_INDEX_URL", self.with_login(index))
            else:
                settings.setenv("UV_DEFAULT_INDEX", f"{name}={self.with_login(index)}")
            return lock(python=self.python, output=self.folder / "pylock.toml", credentials="node", **how)

    def with_login(self, index: IndexServer) -> str:
        user = index.options.user
        return index.url if user is None else index.url.replace("://", f"://{user}:{SECRET}@")

    def materialize(self, settings: Mapping[str, str] | None = None, *, code: int = 0) -> Done:
        command = [str(fastenv.node_program()), "materialize", str(self.folder / "pylock.toml")]
        done = run(
            [*command, "--prefix", str(self.folder / "made")], env={**self.environ, **(settings or {})}
        )
        assert done.code == code, done
        assert SECRET not in done.out + done.err
        assert TOKEN not in done.out + done.err
        return done

    def made(self) -> bool:
        return (site_of(self.folder / "made/bin/python") / "alpha.py").is_file()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    alone(monkeypatch, tmp_path / "home")
    make_wheel(tmp_path / "wheels", "alpha", "1.0", {"alpha.py": "A = 1\n"})
    return World(tmp_path, make_venv(tmp_path / "env", "alpha", links=tmp_path / "wheels"), monkeypatch)


@pytest.fixture
def closed(world: World) -> Iterator[IndexServer]:
    """An index that wants a login."""
    with IndexServer(world.folder / "wheels", user="me", password=SECRET) as server:
        yield server


@pytest.fixture
def hidden(world: World) -> Iterator[IndexServer]:
    """An index with a token in its path."""
    with IndexServer(world.folder / "wheels", token=TOKEN) as server:
        yield server


def login(word: str = SECRET) -> dict[str, str]:
    return {"UV_INDEX_OUR_INDEX_USERNAME": "me", "UV_INDEX_OUR_INDEX_PASSWORD": word}


def own_url(url: str) -> dict[str, str]:
    return {"FASTENV_INDEX_OUR_INDEX_URL": url}


def test_a_node_without_the_login_says_what_to_set(world: World, closed: IndexServer) -> None:
    world.lock(closed)
    netrc = world.folder / "node" / ".netrc"
    for settings in ({}, login("another"), {"NETRC": str(netrc)}):
        said = world.materialize(settings, code=7).err
        for words in ("alpha", "our-index", "401", "UV_INDEX_OUR_INDEX_PASSWORD", "machine 127.0.0.1"):
            assert words in said
        assert not (world.folder / "made").exists()


def test_a_node_that_does_not_know_the_url_says_what_to_set(world: World, hidden: IndexServer) -> None:
    """A token in a path is no less a secret than a password."""
    text = world.lock(hidden).text
    assert TOKEN not in text
    assert hidden.url not in text
    said = world.materialize(code=7).err
    assert "alpha" in said
    assert "our-index" in said
    assert "FASTENV_INDEX_OUR_INDEX_URL" in said
    said = world.materialize(own_url(hidden.url.replace(TOKEN, TOKEN[::-1])), code=7).err
    assert "404" in said
    assert "FASTENV_INDEX_OUR_INDEX_URL" in said
    assert TOKEN[::-1] not in said
    assert "no http or https URL" in world.materialize(own_url(f"{TOKEN}/simple"), code=7).err
    with pytest.raises(NetworkError, match="our-index") as caught:
        fastenv.materialize(
            world.folder / "pylock.toml", prefix=world.folder / "made", root=world.folder / "r"
        )
    assert caught.value.package == "alpha"
    assert "FASTENV_INDEX_OUR_INDEX_URL" in str(caught.value.hint)


@pytest.mark.parametrize("way", ["variables", "netrc", "own url", "uv's url", "user in url, word in netrc"])
def test_a_node_with_a_login_gets_the_file(world: World, closed: IndexServer, way: str) -> None:
    made = world.lock(closed)
    assert SECRET not in made.text
    assert not (world.folder / "pylock.fastenv.d").exists()
    netrc = world.folder / "node" / ".netrc"
    if "netrc" in way:
        netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    ways = {
        "variables": login(),
        "netrc": {},
        "own url": own_url(world.with_login(closed)),
        "uv's url": {"UV_INDEX": f"other=https://o.example our-index={world.with_login(closed)}"},
        "user in url, word in netrc": own_url(closed.url.replace("://", "://me@").rstrip("/")),
    }
    world.materialize(ways[way])
    assert world.made()


def test_the_env_id_is_that_of_a_lock_whose_bytes_travel(world: World, closed: IndexServer) -> None:
    named = world.lock(closed)
    (row,) = named.packages
    assert (row.index_name, row.index_path) == ("our-index", f"../files/{row.filename}")
    assert (row.origin, row.url, row.index) == ("index", None, None)
    assert [(it.name, it.url) for it in named.indexes] == [("our-index", closed.url)]
    with world.settings.context() as settings:
        settings.setenv("UV_DEFAULT_INDEX", world.with_login(closed))
        carried = lock(python=world.python)
    assert carried.env_id == named.env_id
    assert carried.indexes == ()


def test_bytes_beside_the_lock_need_no_login(world: World, closed: IndexServer) -> None:
    (row,) = world.lock(closed).packages
    beside = world.folder / str(row.path)
    beside.parent.mkdir(parents=True)
    beside.write_bytes((world.folder / "wheels" / row.filename).read_bytes())
    closed.forget()
    world.materialize()
    assert world.made()
    assert closed.requests == []


def test_a_token_comes_from_the_node(world: World, hidden: IndexServer) -> None:
    world.lock(hidden)
    world.materialize(own_url(hidden.url))
    assert world.made()


def test_a_redirect_elsewhere_takes_no_password_along(world: World, closed: IndexServer) -> None:
    (row,) = world.lock(closed).packages
    with IndexServer(world.folder / "wheels") as other:
        closed.fault(row.filename, Fault(redirect=other.files_url + row.filename))
        world.materialize(login())
        (request,) = other.requested(row.filename)
    assert world.made()
    assert "authorization" not in {key.lower() for key in request.headers}


def test_files_on_another_host_are_named_whole(world: World, closed: IndexServer) -> None:
    """The login of the index is not for that host, whatever the lock says of it."""
    with IndexServer(world.folder / "wheels") as files:
        closed.options.files_base = files.files_url
        (row,) = world.lock(closed).packages
        assert row.index_path == files.files_url + row.filename
        files.forget()
        world.materialize(login())
        assert not [it for it in files.requests if "authorization" in {key.lower() for key in it.headers}]
    assert world.made()


def test_what_has_a_signature_travels(world: World, closed: IndexServer) -> None:
    """A signed address is a secret, and is good for a while only."""
    closed.options.signature, closed.options.metadata = f"sig={SECRET}", False
    said: list[str] = []
    made = world.lock(closed, on_event=lambda it: said.append(it.message))
    assert SECRET not in made.text
    assert [it.travels for it in made.packages] == [True]
    assert (world.folder / str(made.packages[0].path)).is_file()
    assert [it for it in said if "alpha" in it and "travels with the lock" in it]
    world.materialize()
    assert world.made()


def test_an_index_without_a_name_is_called_by_its_host(world: World, closed: IndexServer) -> None:
    made = world.lock(closed, None)
    name = f"127.0.0.1-{urlsplit(closed.url).port}"
    assert [(it.name, it.url) for it in made.indexes] == [(name, closed.url)]
    stem = name.replace(".", "_").replace("-", "_")
    assert f"UV_INDEX_{stem}_PASSWORD" in world.materialize(code=7).err
    world.materialize({f"UV_INDEX_{stem}_USERNAME": "me", f"UV_INDEX_{stem}_PASSWORD": SECRET})
    assert world.made()


def test_what_is_private_by_word_alone_is_named_alone(world: World, hidden: IndexServer) -> None:
    """Why it was called private is not known: its URL may be a secret."""
    with IndexServer(world.folder / "wheels", token="short") as server:  # noqa: S106
        made = world.lock(server, private_indexes=[server.url])
        assert [(it.name, it.url) for it in made.indexes] == [("our-index", None)]
        assert "short" not in made.text
        world.materialize(own_url(server.url))
    assert world.made()


def test_an_open_index_of_this_machine_travels(world: World) -> None:
    """On a node its address is another machine's."""
    with IndexServer(world.folder / "wheels") as server:
        made = world.lock(server)
    assert [it.travels for it in made.packages] == [True]
    assert made.indexes == ()
