"""All that the rows of one set of wheels share: programs, wheels, server, locks and disks; and a round of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benches.against.environ import environ
from benches.against.ground import Ground
from benches.against.locks import Locks
from benches.against.sides import Fastenv, Uv
from benches.against.turns import Turns

__all__ = ["Pair", "Round", "Setting"]


@dataclass
class Pair:
    """Both sides, each on its disk."""

    ours: Fastenv
    peer: Uv


@dataclass
class Setting(Ground):
    """Wheels, installed by us and by uv."""

    locks: Locks
    uv: Path

    @contextlib.contextmanager
    def pair(self) -> Iterator[Pair]:
        """Both sides on fresh disks."""
        with self.ours() as ours, self.disks.fresh() as disk:
            yield Pair(ours, Uv(self.uv, disk, environ(self.folder / "home"), self.folder / "uv.log"))

    def round(self, number: int) -> Round:
        """The next round."""
        return Round(self, number)

    @property
    def peer(self) -> str:
        """``name==version`` of the other side."""
        return f"uv=={version('uv')}"

    __hash__ = object.__hash__


class Round(Turns):
    """One round. The disks of its cold row are the warm ones of the rows after it."""

    def __init__(self, setting: Setting, number: int) -> None:
        super().__init__(setting.calm, number)
        self.setting = setting
        self._warm: Pair | None = None
        self._standing: Path | None = None

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
