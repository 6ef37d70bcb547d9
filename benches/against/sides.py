"""The two who are compared: what each is called with, for the same thing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benches.against.locks import base_python
from benches.against.process import Run, Started, run, start

__all__ = ["Fastenv", "Side", "Uv"]

CHILD_S = 900.0


@dataclass
class Side:
    """A program with a disk of its own. ``base``: where the lock says that the wheels are."""

    program: Path
    disk: Path
    env: Mapping[str, str]
    log: Path
    _names: count[int] = field(default_factory=lambda: count(1))

    def prefix(self) -> Path:
        """A prefix that nobody had."""
        return self.disk / f"env-{next(self._names)}"

    def _run(self, *words: str | Path, watch_memory: bool = False) -> Run:
        return run([self.program, *words], self.env, self.log, watch_memory=watch_memory)


@dataclass
class Fastenv(Side):
    """fastenv-node. Options that this one does not have are left out: see ``has``."""

    has: Callable[[str], bool] = lambda _: True

    @property
    def store(self) -> Path:
        """The root of its store, on its disk."""
        return self.disk / "store"

    def materialize(
        self,
        lock: Path,
        prefix: Path | None = None,
        *,
        compile_: bool | None = False,
        watch_memory: bool = False,
    ) -> Run:
        """Make the environment at ``prefix``, or in the store. ``compile_``: as the option; None for the default."""
        return self._run(*self.words(lock, prefix, compile_=compile_), watch_memory=watch_memory)

    def words(
        self, lock: Path, prefix: Path | None = None, *, compile_: bool | None = False
    ) -> list[str | Path]:
        """The arguments of that."""
        placed: list[str | Path] = [] if prefix is None else ["--prefix", prefix]
        option = {True: "--compile", False: "--no-compile", None: ""}[compile_]
        chosen = [option] if option and self.has(option) else []
        return ["materialize", lock, "--root", self.store, *placed, *chosen]

    def start(self, lock: Path, prefix: Path | None = None) -> Started:
        """Make the environment, and do not wait for it. Its output goes to a file of its own."""
        log = self.log.with_suffix(f".{next(self._names)}")
        return start([self.program, *self.words(lock, prefix)], self.env, log)

    def exec(self, lock: Path, *command: str) -> Run:
        """Run a command in the environment in the store, with default options."""
        return self._run("exec", lock, "--root", self.store, "--", *command)

    def python(self, prefix: Path, code: str) -> Run:
        """Python code in an environment."""
        return run([prefix / "bin/python", "-c", code], self.env, self.log)

    def wait_for_child(self) -> None:
        """Until nobody makes byte code any more. The child takes its lock a moment after it was started."""
        lock = self.store / "v1/flocks/bytecode"
        deadline = time.monotonic() + CHILD_S
        while time.monotonic() < deadline:
            if lock.exists():
                with lock.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX)
            if not _runs(self.store):
                return
            time.sleep(0.05)
        raise RuntimeError("the child that makes byte code does not end")


@dataclass
class Uv(Side):
    """uv, with its cache on its disk."""

    def __post_init__(self) -> None:
        self.env = {**self.env, "UV_CACHE_DIR": str(self.disk / "cache"), "UV_NO_PROGRESS": "1"}

    def venv(self) -> Path:
        """An empty environment, for ``sync``. Never in a figure, though fastenv makes its own in the measured run."""
        prefix = self.prefix()
        self._run("venv", "--quiet", "--python", base_python(), prefix)
        return prefix

    def sync(
        self, lock: Path, prefix: Path, *options: str, default: bool = False, watch_memory: bool = False
    ) -> Run:
        """Install what the lock says. ``default``: with no option that is not needed."""
        return self._run(*self.words(lock, prefix, *options, default=default), watch_memory=watch_memory)

    def words(self, lock: Path, prefix: Path, *options: str, default: bool = False) -> list[str | Path]:
        """The arguments of that."""
        chosen = [] if default else ["--link-mode", "hardlink"]
        needed: list[str | Path] = [
            "--quiet",
            "--preview-features",
            "pylock",
            "--python",
            prefix / "bin/python",
        ]
        return ["pip", "sync", *needed, *chosen, *options, lock]


def _runs(store: Path) -> bool:
    """Whether a process is left that was started with this store, or a child of one."""
    wanted = os.fsencode(store)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in Path(entry.path, "cmdline").read_bytes():
                    return True
    return False
