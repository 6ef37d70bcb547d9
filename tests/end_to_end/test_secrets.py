"""Credentials of every kind, and none of them in what fastenv writes, says, or lets others see."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.lab.index_server import IndexServer
from tests.lab.lab import Done, clean_environment, run
from tests.lab.onlookers import Sight, watching
from tests.lab.venv import make_venv, site_of

import fastenv
from fastenv.lock.named_index import variable
from fastenv.testing import make_wheel

WORDS = {
    "user info": "u53r1nf0-of/an@index",
    "variable": "v4r14bl3-of-an-index",
    "token": "t0k3nInThe9Path8Of7An6Index5",
    "signature": "s1gn4tur3-of-a-file",
    "netrc": "n3trc-of-a-host",
    "keyring": "k3yr1ng-of-an-index",
    "git": "g1t-of-a-checkout",
    "ssh": "5sh-of-a-checkout",
    "grant": "gr4nt-of-a-download",
    "pip": "p1p-of-the-environment",
    "proxy": "pr0xy-of-this-machine",
    "publish": "publ1sh-of-a-project",
    "wrong": "wr0ng-but-still-one",
    "dead": "d34dTokenOf4Server5That6Is7Gone",
}
NAMES = ("info", "variable", "token", "signed", "netted", "ringed", "piped")
DIRECT = {
    "checked": ("https://me:{}@git.example/checked.git", "git"),
    "shelled": ("ssh://me:{}@git.example/shelled.git", "ssh"),
    "granted": ("https://files.example/granted-1.0-py3-none-any.whl?signature={}", "grant"),
}
"""Packages from Git and from a file: the address, and the word in it."""
KEYRING = """#!/bin/sh
case "$*" in
  *creds*) printf 'ringer\\n%s\\n' '{word}' ;;
  *) printf '%s\\n' '{word}' ;;
esac
"""


def forms() -> dict[str, bytes]:
    """Each word as it may stand somewhere."""
    found = {}
    for name, word in WORDS.items():
        found[name] = word.encode()
        found[f"{name}, quoted"] = quote(word, safe="").encode()
        for user in ("me", "ringer"):
            found[f"{name}, encoded for {user}"] = base64.b64encode(f"{user}:{word}".encode())
    return found


@dataclass
class World:
    """Indexes that want credentials, an environment with a package of each, and the user's settings."""

    folder: Path
    python: Path
    environ: dict[str, str]
    said: list[tuple[str, str]] = field(default_factory=list)
    seen: list[Sight] = field(default_factory=list)
    me: int = field(default_factory=os.getpid)

    @property
    def lock(self) -> Path:
        return self.folder / "work" / "pylock.fastenv.toml"

    @property
    def named(self) -> Path:
        """A lock that has names of indexes, and no bytes beside it."""
        return self.folder / "named" / "pylock.toml"

    def fastenv(self, *words: object, code: int = 0, **more: str) -> Done:
        return self._run([sys.executable, "-m", "fastenv", *map(str, words)], code, more)

    def node(self, *words: object, code: int = 0, **more: str) -> Done:
        return self._run([fastenv.node_program(), *map(str, words)], code, more)

    def _run(self, command: list[object], code: int, more: dict[str, str]) -> Done:
        with watching() as seen:
            done = run(
                [str(word) for word in command],
                env={**self.environ, **more},
                cwd=self.folder / "work",
                code=code,
            )
        self.seen += seen.values()
        self.said.append((" ".join(map(str, command[-4:])), done.out + done.err))
        return done


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    wheels = tmp_path / "wheels"
    for name in NAMES:
        make_wheel(wheels / name, name, "1.0", {f"{name}.py": ""})
    for name in DIRECT:
        make_wheel(wheels / name, name, "1.0", {f"{name}.py": ""})
    for name in ("all", "work", "named", "bin", "temporary", "home"):
        (tmp_path / name).mkdir()
    for wheel in wheels.rglob("*.whl"):
        shutil.copy2(wheel, tmp_path / "all")
    python = make_venv(tmp_path / "env", *NAMES, *DIRECT, links=tmp_path / "all")
    for name, (address, word) in DIRECT.items():
        info = (
            {"vcs_info": {"vcs": "git", "commit_id": "0" * 40}} if "git" in address else {"archive_info": {}}
        )
        origin = {"url": address.format(quote(WORDS[word])), **info}
        (site_of(python) / f"{name}-1.0.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    with ExitStack() as stack:

        def serve(name: str, **options: Any) -> IndexServer:
            return stack.enter_context(IndexServer(wheels / name, **options))

        yield World(tmp_path, python, planted(tmp_path, serve))


def planted(folder: Path, start: Callable[..., IndexServer]) -> dict[str, str]:
    """The settings of a user of these indexes; the files of them lie in places that are theirs."""
    home = folder / "home"

    def closed(name: str, word: str, user: str = "me") -> IndexServer:
        return start(name, user=user, password=WORDS[word])

    def with_user(server: IndexServer, user: str) -> str:
        return server.url.replace("://", f"://{user}@")

    info, variable, piped = (
        closed("info", "user info"),
        closed("variable", "variable"),
        closed("piped", "pip"),
    )
    netted, ringed = closed("netted", "netrc"), closed("ringed", "keyring", "ringer")
    token = start("token", token=WORDS["token"])
    signed = start("signed", signature=f"sig={WORDS['signature']}", metadata=False)
    netrc = home / ".netrc"
    netrc.write_text(f"machine localhost login me password {WORDS['netrc']}\n")
    netrc.chmod(0o600)
    (folder / "env" / "pip.conf").write_text(
        f"[global]\nindex-url = {with_user(piped, 'me:' + WORDS['pip'])}\n"
    )
    program = folder / "bin" / "keyring"
    program.write_text(KEYRING.format(word=WORDS["keyring"]))
    program.chmod(0o755)
    environ = clean_environment(home)
    for name in ("PIP_CONFIG_FILE", "UV_NO_CONFIG"):
        environ.pop(name)
    indexes = [
        f"main={with_user(info, 'me:' + quote(WORDS['user info'], safe=''))}",
        f"internal={variable.url}",
        f"netted={netted.url.replace('127.0.0.1', 'localhost')}",
        f"ringed={with_user(ringed, 'ringer')}",
    ]
    return {
        **environ,
        "PATH": f"{folder / 'bin'}:{environ['PATH']}",
        "TMPDIR": str(folder / "temporary"),
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_HTTP_RETRIES": "0",
        "UV_INDEX": " ".join(indexes),
        "UV_INDEX_INTERNAL_USERNAME": "me",
        "UV_INDEX_INTERNAL_PASSWORD": WORDS["variable"],
        "UV_DEFAULT_INDEX": signed.url,
        "UV_KEYRING_PROVIDER": "subprocess",
        "UV_PUBLISH_TOKEN": WORDS["publish"],
        "PIP_EXTRA_INDEX_URL": token.url,
        "HTTPS_PROXY": f"http://me:{WORDS['proxy']}@127.0.0.1:9",
        "FASTENV_NODE": str(fastenv.node_program()),
        "FASTENV_ROOT": str(folder / "root"),
        "XDG_CONFIG_DIRS": str(folder / "etc"),
    }


def leaks(content: bytes) -> list[str]:
    return [name for name, form in forms().items() if form in content]


def test_no_credential_leaves(world: World) -> None:
    succeed(world)
    fail(world)
    said = {words: leaks(text.encode()) for words, text in world.said if leaks(text.encode())}
    assert said == {}
    assert written(world) == {}
    assert visible(world) == {}


def succeed(world: World) -> None:
    """Every verb, as it should be."""
    world.fastenv("scan", "--python", world.python, "-o", "inventory.json")
    world.fastenv("scan", "--python", world.python, "--json")
    world.fastenv("lock", "--python", world.python, "--json")
    packages = fastenv.Lock.read(world.lock).packages
    assert {it.name for it in packages} == {*NAMES, *DIRECT}
    assert {it.name for it in packages if it.url} == set(), "nothing of these is public"
    assert {it.name for it in packages if it.origin == "local"} == set(NAMES), "each index has given its own"
    world.fastenv("lock", "--python", world.python, "-o", "pylock.again.toml")
    world.fastenv("materialize", world.lock, "--timeline", "page.html", "--json")
    world.node("materialize", world.lock, "--prefix", world.folder / "made")
    world.fastenv("exec", world.lock, "--", "true")
    world.node("verify", world.folder / "made", "--full")
    world.fastenv("verify", world.folder / "made")
    world.fastenv("why", "token", "--python", world.python)
    world.fastenv("lock", "--check", "--python", world.python)
    world.fastenv("lock", "--python", world.python, "--credentials=node", "-o", world.named)
    logins = node_logins(world)
    world.node("materialize", world.named, "--root", world.folder / "third", code=0, **logins)
    world.fastenv("materialize", world.named, "--root", world.folder / "fourth", code=0, **logins)


def node_logins(world: World) -> dict[str, str]:
    """What a node needs that has no keyring and no pip.conf."""
    packages = {it.name: it for it in fastenv.Lock.read(world.named).packages}
    assert {name for name, it in packages.items() if it.index_path} == {*NAMES} - {"signed"}
    piped, token = (variable(str(packages[name].index_name)) for name in ("piped", "token"))
    return {
        "UV_INDEX_RINGED_PASSWORD": WORDS["keyring"],
        f"UV_INDEX_{piped}_USERNAME": "me",
        f"UV_INDEX_{piped}_PASSWORD": WORDS["pip"],
        f"FASTENV_INDEX_{token}_URL": world.environ["PIP_EXTRA_INDEX_URL"],
    }


def fail(world: World) -> None:
    """What goes wrong tells no more."""

    def refused(code: int, **more: str) -> None:
        # Nothing is known of an earlier run, and nothing lies beside the lock.
        caches = {
            "XDG_CACHE_HOME": str(world.folder / "caches"),
            "UV_CACHE_DIR": str(world.folder / "uv-cache" / "2"),
        }
        words = ("lock", "--python", world.python, "-o", world.folder / "elsewhere" / "pylock.toml")
        world.fastenv(*words, code=code, **caches, **more)

    (world.folder / "elsewhere").mkdir()
    refused(3, UV_INDEX_INTERNAL_PASSWORD=WORDS["wrong"])
    refused(7, PIP_EXTRA_INDEX_URL=f"http://127.0.0.1:1/{WORDS['dead']}/simple/")
    broken = world.folder / "broken.toml"
    broken.write_text(f'index-url = "https://me:{WORDS["wrong"]}@index.example/\n')
    refused(3, UV_CONFIG_FILE=str(broken))
    broken.write_text(f"[global\nindex-url = https://me:{WORDS['wrong']}@index.example/\n")
    refused(3, PIP_CONFIG_FILE=str(broken))
    broken.unlink()
    lacking(world)
    for wheel in (world.folder / "work" / "pylock.fastenv.d").rglob("*.whl"):
        wheel.write_bytes(b"spoilt")
    for start in (world.fastenv, world.node):
        start("materialize", world.lock, "--root", world.folder / "other", code=4)


def lacking(world: World) -> None:
    """A node with no logins of its own, or with a wrong one."""
    right = {**node_logins(world), "UV_INDEX_INTERNAL_PASSWORD": WORDS["variable"]}
    world.fastenv("materialize", world.named, "--root", world.folder / "fifth", code=7)
    for number, name in enumerate(name for name in right if not name.endswith("_USERNAME")):
        dead = right[name].replace(WORDS["token"], WORDS["dead"])
        wrong = dead if name.endswith("URL") else WORDS["wrong"]
        root = world.folder / f"lacking-{number}"
        world.node("materialize", world.named, "--root", root, code=7, **{**right, name: wrong})


def written(world: World) -> dict[str, list[str]]:
    """Files with a credential in them that the user did not put there, uv's own cache apart."""
    theirs = {world.folder / name for name in ("uv-cache", "wheels", "all")}
    known = {"env/pip.conf", "home/.netrc", "bin/keyring"}
    for name in DIRECT:
        place = next(site_of(world.python).glob(f"{name}-*")).relative_to(world.folder)
        known.add(str(place / "direct_url.json"))
    found = {}
    for path in world.folder.rglob("*"):
        name = str(path.relative_to(world.folder))
        if not path.is_file() or path.is_symlink() or name in known or theirs & set(path.parents):
            continue
        if leaks(path.read_bytes()):
            found[name] = leaks(path.read_bytes())
    return found


def visible(world: World) -> dict[str, list[str]]:
    """Command lines with a credential, and environments of children that need none.

    fastenv itself and what the user has it run have the user's environment; uv needs it, and whom uv asks is uv's.
    The keyring program may need a proxy.
    """
    found: dict[str, list[str]] = {}
    uvs = {it.pid for it in world.seen if any(name_of(command) == "uv" for command, _ in it.views)}
    commands = {it.pid: {command for command, _ in it.views} for it in world.seen}
    for it in world.seen:
        may_know = it.parent == world.me or it.pid in uvs or it.parent in uvs
        for command, environ in it.views:
            shown = command.replace(b"\0", b" ").decode(errors="replace")[:200]
            if leaks(command):
                found[f"command: {shown}"] = leaks(command)
            # until it has begun another program, a child has the memory of its parent
            if may_know or command in commands.get(it.parent, ()):
                continue
            if of_child := [name for name in leaks(environ) if "keyring" not in shown or "proxy" not in name]:
                found[f"environment: {shown}"] = of_child
    return found


def name_of(command: bytes) -> str:
    return os.fsdecode(command.split(b"\0")[0]).rsplit("/", 1)[-1]
