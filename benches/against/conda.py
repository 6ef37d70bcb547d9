"""A solved environment of real conda packages, made by us and by py-rattler; and a round of that."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benches.against.environ import environ
from benches.against.figure import FailedError
from benches.against.ground import Ground
from benches.against.rattler import Rattler, interpreter
from benches.against.sides import Fastenv
from benches.against.turns import Turns
from tests.lab.conda_data import Archive
from tests.lab.conda_locks import conda_lock, index_json

__all__ = ["SETS", "CondaPair", "CondaRound", "CondaSetting", "write_lock", "write_records"]

SETS = ("py36-big", "cf-libs")


@dataclass
class CondaPair:
    """Both sides, each on its disk."""

    ours: Fastenv
    peer: Rattler


@dataclass
class CondaSetting(Ground):
    """``lock`` is ours, ``records`` the peer's file of the same packages at the same addresses."""

    lock: Path
    records: Path

    @contextlib.contextmanager
    def pair(self) -> Iterator[CondaPair]:
        """Both sides on fresh disks."""
        with self.ours() as ours, self.disks.fresh() as disk:
            home, log = self.folder / "home", self.folder / "rattler.log"
            yield CondaPair(ours, Rattler(interpreter(), disk, environ(home), log, records=self.records))

    def round(self, number: int) -> CondaRound:
        """The next round."""
        return CondaRound(self, number)

    @property
    def peer(self) -> str:
        """``name==version`` of the other side."""
        return f"py-rattler=={version('py-rattler')}"

    __hash__ = object.__hash__


class CondaRound(Turns):
    """One round. The disks of its cold row are the warm ones of the rows after it."""

    def __init__(self, setting: CondaSetting, number: int) -> None:
        super().__init__(setting.calm, number)
        self.setting = setting
        self._warm: CondaPair | None = None

    def kept_pair(self) -> CondaPair:
        """Fresh disks that stay until the end of the round: what is done on them first warms them."""
        self._warm = self._stack.enter_context(self.setting.pair())
        return self._warm

    def warm_pair(self) -> CondaPair:
        """Both sides with all packages in their stores."""
        if self._warm is None:
            pair = self.kept_pair()
            pair.ours.materialize(self.setting.lock, pair.ours.prefix())
            pair.peer.install(pair.peer.prefix())
        assert self._warm is not None
        return self._warm

    def check(self, *prefixes: Path) -> None:
        """Every package must have its record in each of them."""
        wanted = len(self.setting.files)
        for prefix in prefixes:
            if (found := len(list((prefix / "conda-meta").glob("*.json")))) != wanted:
                raise FailedError(f"{found} of {wanted} packages were installed")


def write_lock(archives: Sequence[Archive], base: str, folder: Path) -> Path:
    """Our lock of archives that are served below ``base``, which ends with a slash."""
    folder.mkdir(parents=True, exist_ok=True)
    return conda_lock(archives, folder, base=base)


def write_records(archives: Sequence[Archive], base: str, folder: Path) -> Path:
    """What py-rattler is told of the same archives: what a solve of repodata would."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for archive in archives:
        index = folder / f"{archive.sha256}.json"
        index.write_text(json.dumps(index_json(archive.path)))
        hashes = {"sha256": archive.sha256, "md5": archive.md5, "size": archive.size}
        where = {"url": base + archive.file_name, "file_name": archive.file_name, "channel": base}
        rows.append({"index": str(index), **hashes, **where})
    path = folder / "records.json"
    path.write_text(json.dumps(rows))
    return path
