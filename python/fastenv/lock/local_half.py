"""What is installed and in no index: the wheels that are made of it, or the faults where that can't be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from fastenv.build.repack import contents_of
from fastenv.build.wheel_file import Contents, NotPackable
from fastenv.event import Event, OnEvent
from fastenv.exceptions import Fault
from fastenv.lock.build_site import BuildSite
from fastenv.lock.faults import Unfetchable
from fastenv.lock.kept_wheels import KeptWheels
from fastenv.lock.local_builds import LocalBuilds, OnBuildFailure
from fastenv.lock.local_extras import LocalExtras
from fastenv.lock.lockfile import Ignored
from fastenv.lock.packed import Packed
from fastenv.lock.sources import Sources
from fastenv.lock.workshop import Made, Workshop
from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["LocalHalf"]

_NOT_HERE = "its files are not on this machine: run `fastenv lock` where the environment is"


class LocalHalf:
    """The steps of a lock for what no index has. Nothing is read or written unless there is such a thing.

    ``strict`` forbids to repack; ``on_build_failure`` is what becomes of a project that can't be built, ``timeout_s``
    the limit of a build. ``secrets`` are what no message may repeat.
    """

    def __init__(
        self,
        inventory: Inventory,
        sources: Sources,
        environ: Mapping[str, str],
        on_event: OnEvent,
        *,
        strict: bool,
        on_build_failure: OnBuildFailure,
        timeout_s: float,
        secrets: Sequence[str],
    ) -> None:
        self._inventory = inventory
        self._tell = on_event
        self._strict = strict
        self._kept = KeptWheels(sources, environ)
        self._site = BuildSite(inventory, sources, environ, timeout_s=timeout_s, secrets=secrets)
        self._builds = LocalBuilds(inventory, self._site, environ, on_event, on_failure=on_build_failure)
        self.extras = LocalExtras(self._site, environ, on_event)
        self._contents: dict[str, Contents] = {}
        self._origins: dict[str, tuple[str, str, str | None]] = {}
        self.made: dict[str, Made] = {}
        self.left_out: list[Ignored] = []

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be made."""
        return bool(self._contents)

    def start(self, wanted: Mapping[str, Unfetchable]) -> None:
        """Begin to build what must be built."""
        self._builds.start([it for it in self._distributions(wanted) if it.origin.kind == "editable"])

    def stop(self) -> None:
        """End what is under way."""
        self._site.close()

    def plan(self, wanted: Mapping[str, Unfetchable]) -> list[Fault]:
        """Look how each can be had, and wait for what is built; the faults of those that can't be had."""
        faults = []
        for it in self._distributions(wanted):
            if it.origin.kind != "editable":
                faults += self._plan_one(it, wanted[it.name])
        versions = {it.name: it.version for it in self._inventory.distributions}
        for name, outcome in self._builds.finish().items():
            if outcome.fault is not None:
                faults.append(outcome.fault)
            elif outcome.made is not None:
                self.made[name] = outcome.made
            elif outcome.contents is None:
                self.left_out.append(Ignored(name, versions[name], outcome.reason.partition("\n")[0]))
            else:
                self._contents[name] = outcome.contents
                self._origins[name] = ("built", outcome.reason, outcome.source_digest)
        return faults

    def make(self, workshop: Workshop, packed: Packed) -> None:
        """Make what was planned, but for what is ``packed`` already. Raises FileSystemError."""

        def tell(name: str, done: int) -> None:
            origin, reason, _ = self._origins[name]
            if origin == "repacked":
                self._tell(Event("packed", package=name, message=f"repacked: {reason}"))
            self._tell(Event("progress", stage="pack", done=done, total=len(self._contents)))

        self.made |= workshop.pack(self._contents, self._origins, packed, tell)

    def _distributions(self, wanted: Mapping[str, Unfetchable]) -> list[Distribution]:
        return [it for it in self._inventory.distributions if it.name in wanted]

    def _plan_one(self, it: Distribution, why: Unfetchable) -> list[Fault]:
        kept = None if why.edited else self._kept.find(it)
        if kept is not None:
            self.made[it.name] = Made(*kept, "local")
            return []
        return [why.fault] if self._strict else self._repack(it, why)

    def _repack(self, it: Distribution, why: Unfetchable) -> list[Fault]:
        if not os.path.lexists(it.metadata_path):
            return [Fault(it.name, it.version, why.fault.reason, _NOT_HERE)]
        try:
            self._contents[it.name] = contents_of(it, self._inventory)
        except (NotPackable, UnicodeDecodeError, OSError) as error:
            reason = f"{why.fault.reason}, and it cannot be packed up: {error}"
            return [Fault(it.name, it.version, reason, why.fault.hint)]
        self._origins[it.name] = ("repacked", why.reason, None)
        if why.warn:
            reason = f"{why.fault.reason}; what is there was packed up"
            self._tell(Event("warning", package=it.name, message=reason))
        return []
