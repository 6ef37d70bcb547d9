"""All that the rows of one set share: programs, wheels, server, locks and disks; and a round of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from benches.against.calm import Calm
from benches.against.disk import Disks
from benches.against.environ import environ
from benches.against.locks import Locks
from benches.against.process import run
from benches.against.sides import Fastenv, Uv
from benches.against.site import Site

__all__ = ["Pair", "Round", "Setting"]

A = TypeVar("A")
B = TypeVar("B")


@dataclass
class Pair:
    """Both sides, each on its disk."""

    ours: Fastenv
    peer: Uv


@dataclass
class Setting:
    """``folder`` is for logs and the home of both sides; it is not on a measured disk."""

    wheels: Sequence[Path]
    site: Site
    locks: Locks
    disks: Disks
    calm: Calm
    node: Path
    uv: Path
    folder: Path

    @contextlib.contextmanager
    def pair(self) -> Iterator[Pair]:
        """Both sides on fresh disks."""
        with self.ours() as ours, self.disks.fresh() as disk:
            yield Pair(ours, Uv(self.uv, disk, environ(self.folder / "home"), self.folder / "uv.log"))

    @contextlib.contextmanager
    def ours(self) -> Iterator[Fastenv]:
        """Our side alone."""
        with self.disks.fresh() as disk:
            side = Fastenv(
                self.node, disk, environ(self.folder / "home"), self.folder / "fastenv.log", has=self.has
            )
            yield side
            side.wait_for_child()

    @property
    def has(self) -> Callable[[str], bool]:
        """Whether this fastenv-node knows an option of materialize."""
        return lambda option: option in self._help()

    @cache  # noqa: B019 # one setting a run
    def _help(self) -> str:
        return run(
            [self.node, "materialize", "--help"], environ(self.folder / "home"), self.folder / "help.log"
        ).told

    __hash__ = object.__hash__


class Round:
    """One round. The disks of its cold row are the warm ones of the rows after it."""

    def __init__(self, setting: Setting, number: int) -> None:
        self.setting = setting
        self.number = number
        self._stack = contextlib.ExitStack()
        self._warm: Pair | None = None
        self._standing: Path | None = None

    def __enter__(self) -> Round:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_turn(self, ours: Callable[[], A], peer: Callable[[], B]) -> tuple[A, B]:
        """Both, each when all is calm; in the next round the other is first."""
        if self.number % 2:
            one = self._calmly(ours)
            return one, self._calmly(peer)
        other = self._calmly(peer)
        return self._calmly(ours), other

    def _calmly(self, work: Callable[[], A]) -> A:
        self.setting.calm.wait()
        return work()

    def kept_pair(self) -> Pair:
        """Fresh disks that stay until the end of the round: what is done on them first warms them."""
        self._warm = self._stack.enter_context(self.setting.pair())
        return self._warm

    def warm_pair(self) -> Pair:
        """Both sides with all wheels in their stores."""
        if self._warm is None:
            pair = self.kept_pair()
            base = self.setting.site.full
            pair.ours.materialize(self.setting.locks.ours(base), pair.ours.prefix())
            pair.peer.sync(self.setting.locks.peer(base), pair.peer.venv())
        assert self._warm is not None
        return self._warm

    def stand(self) -> Pair:
        """The warm pair, with an environment in our store whose byte code is made, if it is to be made at all."""
        pair = self.warm_pair()
        if self._standing is None:
            compile_ = True if self.setting.has("--compile") else None
            told = pair.ours.materialize(self.ours, compile_=compile_).told
            self._standing = Path(told.strip().splitlines()[-1])
            pair.ours.wait_for_child()
        return pair

    @property
    def ours(self) -> Path:
        """Our lock, of the files at full speed."""
        return self.setting.locks.ours(self.setting.site.full)

    @property
    def peer(self) -> Path:
        """uv's."""
        return self.setting.locks.peer(self.setting.site.full)
