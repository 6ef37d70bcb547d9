"""What the measurements of every set share: our program, the server, the disks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benches.against.calm import Calm
from benches.against.disk import Disks
from benches.against.environ import environ
from benches.against.process import run
from benches.against.sides import Fastenv
from benches.against.site import Site

__all__ = ["Ground"]


@dataclass
class Ground:
    """``files`` are those that are served; ``folder``, for logs and homes, is not on a measured disk."""

    files: Sequence[Path]
    site: Site
    disks: Disks
    calm: Calm
    node: Path
    folder: Path

    @contextlib.contextmanager
    def ours(self) -> Iterator[Fastenv]:
        """Our side alone, on a fresh disk."""
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
