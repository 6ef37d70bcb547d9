"""What is installed and in no index: the wheels that are made of it, or the faults where that can't be."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fastenv.build.repack import contents_of
from fastenv.build.wheel_file import Contents, NotPackable
from fastenv.event import Event, OnEvent
from fastenv.exceptions import Fault
from fastenv.lock.faults import Unfetchable
from fastenv.lock.kept_wheels import KeptWheels
from fastenv.lock.sources import Sources
from fastenv.lock.workshop import Made, Workshop
from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["LocalHalf"]

_NOT_HERE = "its files are not on this machine: run `fastenv lock` where the environment is"


class LocalHalf:
    """The steps of a lock for what no index has. Nothing is read or written unless there is such a thing."""

    def __init__(
        self, inventory: Inventory, sources: Sources, environ: Mapping[str, str], on_event: OnEvent
    ) -> None:
        self._inventory = inventory
        self._tell = on_event
        self._kept = KeptWheels(sources, environ)
        self._contents: dict[str, Contents] = {}
        self._reasons: dict[str, str] = {}
        self.made: dict[str, Made] = {}

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be made."""
        return bool(self._contents)

    def plan(self, wanted: Mapping[str, Unfetchable], *, strict: bool) -> list[Fault]:
        """Look how each can be had; the faults of those that can't, all of them where ``strict`` forbids it."""
        faults = []
        for it in self._inventory.distributions:
            if it.name not in wanted:
                continue
            why = wanted[it.name]
            kept = None if why.edited else self._kept.find(it)
            if kept is not None:
                self.made[it.name] = Made(*kept, "local")
            elif strict:
                faults.append(why.fault)
            else:
                faults += self._repack(it, why)
        return faults

    def _repack(self, it: Distribution, why: Unfetchable) -> list[Fault]:
        if not os.path.lexists(it.metadata_path):
            return [Fault(it.name, it.version, why.fault.reason, _NOT_HERE)]
        try:
            self._contents[it.name] = contents_of(it, self._inventory)
        except (NotPackable, UnicodeDecodeError, OSError) as error:
            reason = f"{why.fault.reason}, and it cannot be packed up: {error}"
            return [Fault(it.name, it.version, reason, why.fault.hint)]
        self._reasons[it.name] = why.reason
        if why.warn:
            reason = f"{why.fault.reason}; what is there was packed up"
            self._tell(Event("warning", package=it.name, message=reason))
        return []

    def make(self, workshop: Workshop) -> None:
        """Make what was planned. Raises FileSystemError."""

        def tell(name: str, done: int) -> None:
            self._tell(Event("packed", package=name, message=f"repacked: {self._reasons[name]}"))
            self._tell(Event("progress", stage="pack", done=done, total=len(self._contents)))

        self.made |= workshop.pack(self._contents, self._reasons, tell)
