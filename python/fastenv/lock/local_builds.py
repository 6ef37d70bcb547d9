"""Editable installations: each project is built from a snapshot of its tree, or its tree taken as it lies there.

Builds run beside what else a lock does, several at once. A project is built again when its commit, one of its files,
its settings, its version, what it is built with or the interpreter has changed.
"""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from fastenv.build.backend import BuildFailed, pretended_version
from fastenv.build.build_cache import Kept, build_key
from fastenv.build.built_wheel import contents_of_built
from fastenv.build.in_place import has_extensions, in_place, source_files
from fastenv.build.installed_files import InstalledFile
from fastenv.build.project import Project, project_of
from fastenv.build.snapshot import Snapshot, take_snapshot
from fastenv.build.wheel_file import Contents, NotPackable
from fastenv.event import Event, OnEvent
from fastenv.exceptions import Fault
from fastenv.listing import some_of
from fastenv.lock import cache
from fastenv.lock.at_once import Background, each
from fastenv.lock.build_site import BuildSite
from fastenv.lock.edits import Hashes
from fastenv.lock.last_build import LastBuild
from fastenv.lock.pins import Candidate
from fastenv.lock.workshop import Made
from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["LocalBuilds", "OnBuildFailure", "Outcome"]

OnBuildFailure = Literal["error", "copy", "ignore"]
"""What becomes of a project that can't be built."""

_THREADS = min(4, os.cpu_count() or 1)
_COPY, _IGNORE = (
    "--on-build-failure=copy ships what can be imported of its tree",
    "--on-build-failure=ignore leaves it out",
)


@dataclass(frozen=True)
class Outcome:
    """What became of one project: a wheel; or contents and why they are these; or a fault; or none of them, if it is
    left out. ``source_digest`` says what it was built of.
    """

    contents: Contents | None = None
    reason: str = ""
    source_digest: str | None = None
    made: Made | None = None
    fault: Fault | None = None


class LocalBuilds:
    """``start`` begins, ``finish`` waits. Nothing happens without projects; closing the site ends what is under way."""

    def __init__(
        self,
        inventory: Inventory,
        site: BuildSite,
        environ: Mapping[str, str],
        on_event: OnEvent,
        *,
        on_failure: OnBuildFailure = "error",
    ) -> None:
        self._inventory = inventory
        self._site = site
        self._environ = environ
        self._tell = on_event
        self._on_failure = on_failure
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._work: Background[dict[str, Outcome]] | None = None

    def start(self, wanted: Sequence[Distribution]) -> None:
        """Begin with all of these."""
        if wanted:
            self._work = Background(lambda: self._all(wanted))

    def finish(self) -> dict[str, Outcome]:
        """What became of each, by name."""
        if self._work is None:
            return {}
        found = self._work.result(self._hand_on)
        self._hand_on()
        return found

    def _hand_on(self) -> None:
        """Tell what threads had to say; the caller is called from its own thread only."""
        while True:
            try:
                self._tell(self._events.get_nowait())
            except Empty:
                return

    def _all(self, wanted: Sequence[Distribution]) -> dict[str, Outcome]:
        hashes = Hashes({f"project {it.origin.url}" for it in wanted}, self._environ)
        work = each(lambda it: self._one(it, hashes), wanted, threads=_THREADS)
        found = {it.name: outcome for it, outcome in work}
        hashes.save()
        return found

    def _one(self, it: Distribution, hashes: Hashes) -> Outcome:
        try:
            project, sources = project_of(it), list(source_files(it))
            if has_extensions(sources):
                return Outcome(in_place(it, self._inventory), "editable, with compiled extensions in place")
            snapshot = take_snapshot(project.folder, self._environ)
            digests = snapshot.digests(hashes.digest)
            source = snapshot.source_digest(digests)
            wheel = self._built(project, snapshot, digests)
            self._compare(it, sources, wheel)
            if isinstance(wheel, Contents):
                return Outcome(wheel, "editable", source)
            candidate = Candidate(wheel.path.name, wheel.path.as_uri(), wheel.sha256, wheel.size)
            made = Made(candidate, wheel.files_digest, "built", "editable", source_digest=source)
            return Outcome(made=made)
        except BuildFailed as error:
            return self._failed(it, error)
        except (NotPackable, OSError, UnicodeDecodeError) as error:
            return self._failed(it, BuildFailed(str(error), ""))

    def _compare(self, it: Distribution, sources: Sequence[InstalledFile], wheel: Contents | Kept) -> None:
        """Warn of modules that can be imported here and that the backend leaves out."""
        if isinstance(wheel, Contents):
            there = {entry.name for entry in wheel.entries}
        else:
            with zipfile.ZipFile(wheel.path) as archive:
                there = set(archive.namelist())
        absent = [row.install_path[5:] for row in sources if row.install_path[5:] not in there]
        modules = [name for name in absent if name.endswith(".py") and "tests" not in name.split("/")]
        if modules:
            message = f"importable here, and not in the wheel that its backend builds: {some_of(modules)}"
            self._events.put(Event("warning", package=it.name, message=message))

    def _built(self, project: Project, snapshot: Snapshot, digests: Mapping[str, str]) -> Contents | Kept:
        """The wheel in the cache; its contents where that can't be written."""
        it, site = project.distribution, self._site
        backend = site.backend(Path(project.folder))
        tools = "\n".join([site.python, *backend])
        key = build_key([f"{it.name} {it.version} {tools}\n", *snapshot.facts(digests)])
        kept = site.wheels.get(key)
        if kept is not None:
            return kept
        last = LastBuild(site.wheels, cache.cache_folder(self._environ), project, tools)
        guess = last.replaced(snapshot, digests)
        if guess is not None and last.is_trusted:
            self._events.put(Event("packed", package=it.name, message="edited files put into the last build"))
            return site.keep(key, guess) or guess
        contents = self._build(project, snapshot, backend)
        last.note(key, snapshot, digests, contents, guess)
        return site.keep(key, contents) or contents

    def _build(self, project: Project, snapshot: Snapshot, backend: Sequence[str]) -> Contents:
        it = project.distribution
        self._events.put(Event("building", package=it.name, message=project.folder))
        started = time.monotonic()
        room = self._site.folder()
        try:
            folder = snapshot.copy_to(room)
            variables = pretended_version(it.name, it.version, project.settings)
            contents = contents_of_built(self._site.build(folder, variables, backend), it.name, it.version)
        finally:
            shutil.rmtree(room, ignore_errors=True)
        took = time.monotonic() - started
        self._events.put(Event("packed", package=it.name, message=f"built in {took:.1f} s", seconds=took))
        return contents

    def _failed(self, it: Distribution, error: BuildFailed) -> Outcome:
        log = error.log
        if self._on_failure == "ignore":
            message = f"it is left out, since {error}"
            self._events.put(Event("warning", package=it.name, message=message))
            return Outcome(reason=f"{error}")
        if self._on_failure == "copy":
            try:
                contents = in_place(it, self._inventory)
            except (NotPackable, OSError, UnicodeDecodeError) as more:
                error = BuildFailed(f"{error}, and it cannot be copied: {more}", log)
            else:
                self._events.put(
                    Event("warning", package=it.name, message=f"its tree is shipped as it is, since {error}")
                )
                return Outcome(contents, "editable, its tree as it is")
        where = self._keep_log(it, log)
        words = f":\n{error.last_words}" if log else ""
        ways = f"{_COPY}, {_IGNORE}" if self._can_copy(it) else _IGNORE
        hint = ways + (f"; the whole log: {where}" if where else "")
        return Outcome(fault=Fault(it.name, it.version, f"{error}{words}", hint))

    def _can_copy(self, it: Distribution) -> bool:
        """Whether its tree could be shipped as it lies: nobody is sent there who would fail again."""
        if self._on_failure == "copy":
            return False
        try:
            in_place(it, self._inventory)
        except (NotPackable, OSError, UnicodeDecodeError):
            return False
        return True

    def _keep_log(self, it: Distribution, log: str) -> Path | None:
        """The log in a file of the user's cache folder, if there is one that can be written."""
        if not log:
            return None
        path = cache.cache_folder(self._environ) / "build-logs" / f"{it.name}.log"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            cache.write_atomically(path, log.encode())
        except OSError:
            return None
        return path
