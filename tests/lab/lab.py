"""A whole small world for one test: an index of generated wheels, a store, environments, and the programs.

wheel = lab.wheel("foo", files={"foo.py": "x = 1"})
prefix = lab.materialize(lab.lock(wheel), prefix="env")
assert differences(prefix, lab.reference(wheel)) == []
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastenv import node_program
from fastenv.testing import make_wheel
from tests.lab.index_server import IndexServer
from tests.lab.locks import Interpreter, Row, here, lock_text

__all__ = ["Done", "Lab", "clean_environment", "cli", "snapshot", "uv"]


@dataclass(frozen=True)
class Done:
    """What a program said before it ended."""

    code: int
    out: str
    err: str


@dataclass
class Lab:
    """See the module. ``node`` is the program under test."""

    folder: Path
    index: IndexServer
    node: Path = field(default_factory=node_program)
    interpreter: Interpreter = field(default_factory=here)

    def __post_init__(self) -> None:
        self.root = self.folder / "root"
        self.envs = self.folder / "envs"
        for folder in (self.envs, self.folder / "home"):
            folder.mkdir(exist_ok=True)

    @property
    def store(self) -> Path:
        return self.root / "v1"

    @property
    def environ(self) -> dict[str, str]:
        return clean_environment(self.folder / "home")

    def wheel(self, name: str, version: str = "1.0", **shape: Any) -> Path:
        """A wheel that the index has from now on; the arguments are ``make_wheel``'s."""
        return make_wheel(self.index.folder, name, version, **shape)

    def row(self, wheel: Path, **says: Any) -> Row:
        """What the lock says of a wheel; by default, that the index has it."""
        return Row(wheel, **{"url": self.index.files_url + wheel.name, **says})

    def lock(self, *wheels: Path | Row, name: str = "pylock.fastenv.toml", **facts: Any) -> Path:
        """A lock file of these wheels; ``facts`` are those of ``lock_text``."""
        rows = [wheel if isinstance(wheel, Row) else self.row(wheel) for wheel in wheels]
        path = self.folder / name
        facts = {"interpreter": self.interpreter, **facts}
        path.write_text(lock_text(rows, **facts), encoding="utf-8")
        return path

    def command(self, *arguments: object) -> list[str]:
        """The command line of the node program, with this lab's store."""
        words = [str(argument) for argument in arguments]
        verbs = 2 if words[0] == "store" else 1
        rooted = words[0] in ("materialize", "exec", "store") and "--root" not in words
        root = ["--root", str(self.root)] if rooted else []
        return [str(self.node), *words[:verbs], *root, *words[verbs:]]

    def run(self, *arguments: object, env: Mapping[str, str] | None = None, **how: Any) -> Done:
        """The node program, to its end."""
        return run(self.command(*arguments), env={**self.environ, **(env or {})}, **how)

    @property
    def user(self) -> dict[str, str]:
        """The variables of somebody who has this lab's store, and its index for the only one, and public."""
        return {
            **self.environ,
            "UV_DEFAULT_INDEX": self.index.url,
            "FASTENV_PUBLIC_INDEXES": self.index.url,
            "FASTENV_NODE": str(self.node),
            "FASTENV_ROOT": str(self.root),
        }

    def cli(self, *arguments: object, env: Mapping[str, str] | None = None, **how: Any) -> Done:
        """``fastenv`` of that user."""
        return cli(*arguments, env={**self.user, **(env or {})}, **{"cwd": self.folder, **how})

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The node program, to be waited for or killed by the test."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), env=self.environ, stdout=pipe, stderr=pipe, text=True
        )

    def prefix(self, name: str) -> Path:
        return self.envs / name

    def materialize(self, lock: Path, *options: object, prefix: str | None = "env") -> Path:
        """The environment of a lock: at ``envs/<prefix>``, or in the store. It must succeed."""
        chosen = [] if prefix is None else ["--prefix", self.prefix(prefix)]
        done = self.run("materialize", lock, *chosen, *options)
        assert done.code == 0, done.err
        made = Path(done.out.rstrip("\n"))
        assert done.out == f"{made}\n"
        assert prefix is None or made == self.prefix(prefix).resolve()
        return made

    def refuse(self, lock: Path, code: int, *options: object, prefix: str = "env") -> str:
        """What a materialize said that had to fail with this exit code; checks that it left nothing."""
        before = snapshot(self.prefix(prefix))
        done = self.run("materialize", lock, "--prefix", self.prefix(prefix), *options)
        assert (done.code, done.out) == (code, ""), done
        assert snapshot(self.prefix(prefix)) == before, "the prefix was touched"
        assert self.residue() == []
        return done.err

    def residue(self) -> list[str]:
        """What runs that have ended should not have left: their folders, and staging beside prefixes."""
        left = [path for path in self.envs.glob(".*") if ".fastenv." in path.name]
        for folder in ("tmp", "envs"):
            inside = self.store / folder
            names = sorted(inside.iterdir()) if inside.is_dir() else []
            left += [path for path in names if folder == "tmp" or path.name.startswith(".")]
        return [str(path) for path in left]

    def reference(self, *wheels: Path, name: str = "reference") -> Path:
        """An environment of the same wheels, by uv."""
        prefix = self._bare(name)
        if wheels:
            self._install(prefix, "--offline", "--no-index", *wheels)
        return prefix

    def original(self, *wheels: Path, name: str = "original") -> Path:
        """The same, installed from this lab's index: it can be locked."""
        prefix = self._bare(name)
        pins = [f"{row[0]}=={row[1]}" for row in (wheel.name.split("-") for wheel in wheels)]
        self._install(prefix, "--default-index", self.index.url, *pins)
        return prefix

    def _bare(self, name: str) -> Path:
        uv("venv", "--python", base_python(), self.envs / name, env=self.environ)
        return self.envs / name

    def _install(self, prefix: Path, *what: object) -> None:
        target = ["--python", prefix / "bin/python", "--no-deps"]
        uv("pip", "install", *target, *what, env=self.environ)


def base_python() -> str:
    """The interpreter that the tests' own environment was made with."""
    return str(getattr(sys, "_base_executable", sys.executable))


def clean_environment(home: Path) -> dict[str, str]:
    """The variables of a user who has set nothing but that no byte code is made, which takes seconds."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "FASTENV_NO_COMPILE": "1",
        "TMPDIR": str(home),
        "UV_CACHE_DIR": str(home / "uv"),
        "UV_NO_CONFIG": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def run(
    command: list[str], *, env: Mapping[str, str], timeout: float = 120, code: int | None = None, **how: Any
) -> Done:
    """A command, to its end, with nothing on standard input; ``code``: what it must end with."""
    ended = subprocess.run(
        command, env=env, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False, **how
    )
    done = Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
    assert code is None or done.code == code, done
    return done


def cli(*arguments: object, env: Mapping[str, str] | None = None, **how: Any) -> Done:
    """``fastenv``, the command line of the Python package; with the variables of this process if none are given."""
    command = [sys.executable, "-m", "fastenv", *map(str, arguments)]
    return run(command, env=os.environ if env is None else env, **how)


def uv(*arguments: object, env: Mapping[str, str]) -> Done:
    """uv, which must succeed."""
    from uv import find_uv_bin

    return run([find_uv_bin(), *map(str, arguments)], env=env, code=0)


def snapshot(folder: Path) -> dict[str, str]:
    """Every path at or below ``folder``: mode, times and content. Equal snapshots: nothing was touched.

    The time of ``.fastenv/use`` is that of the last use, and is not in it.
    """
    if not folder.exists():
        return {}
    rows = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        meta = path.lstat()
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = ""
        time = 0 if path.parts[-2:] == (".fastenv", "use") else meta.st_mtime_ns
        rows[str(path.relative_to(folder))] = f"{meta.st_mode:o} {time} {content}"
    return rows


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Done:
    """Sends a signal, and waits for the end."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return Done(process.returncode, out, err)
