"""From an Inventory to a Lock: which wheel each distribution is, where every node gets it, and its sha256.

The way of the data, a file a step:

    rules           what the user leaves out (settings);  overlays: loose code
    faults          what the inventory alone shows can't be locked, or is in no index
    edits           installed files that are not what RECORD says
    sources         every index and find-links folder: uv_settings, pip_settings
    pins, settle    uv says which wheels the sources have; choose finds the one that is installed, by its tags
                    and by what it would install (artifacts, range_file, wheel_digest); recent remembers it
                    for a while; explain tells why there is none
    local_half      what no index has: kept_wheels finds wheels that are on this machine still, local_builds makes
                    those of editable projects at a build_site (backends: with what), workshop writes others of
                    installed files (fastenv.build), unless they are packed already
    extras          packages for the nodes alone;  local_extras: those that are built there, too
    conda_half      conda's packages: conda_artifacts finds their archives (package_cache, repodata,
                    channel_logins), conda_edits compares installed files, which scripted may explain;
                    locked_conda is how the lock has them, and conda_settings what else conda keeps
    indexes         public or not: credentials; outlet: nothing that is said has one in it (secret_words)
    place           where nodes get a wheel; naming: by the name of an index for which they have a login
    carried         archives that travel with the lock;  superseded: those that only the former lock named
    libraries       what a node's system must have;  loose_libraries: for loose code and extras
    rows, compose   values to text; lockfile: text to values

Threads are those of at_once, so that Ctrl-C is heard; what is dear to find out again is in cache.
Reads the network (transport, client; uv as a subprocess), never changes the environment, chooses no version.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fastenv.event import Event, OnEvent
from fastenv.exceptions import Fault, FileSystemError, LockFaults
from fastenv.lock.artifacts import Artifacts
from fastenv.lock.at_once import Background
from fastenv.lock.carried import carry
from fastenv.lock.choose import Choice
from fastenv.lock.compose import compose
from fastenv.lock.conda_half import CondaHalf, virtual_packages
from fastenv.lock.credentials import Credentials
from fastenv.lock.direct import direct_choices
from fastenv.lock.edits import Edit, Hashes, find_edits
from fastenv.lock.explain import explain
from fastenv.lock.extras import Extras
from fastenv.lock.faults import Unfetchable, edited, inventory_faults, unfetchable
from fastenv.lock.indexes import Publicity
from fastenv.lock.libraries import locked_libraries, unknown_libraries
from fastenv.lock.local_builds import OnBuildFailure
from fastenv.lock.local_half import LocalHalf
from fastenv.lock.lockfile import Lock, LockedLibrary, LockedPackage, check_name
from fastenv.lock.loose_libraries import loose_libraries, with_loose_libraries
from fastenv.lock.naming import Naming
from fastenv.lock.outlet import Outlet
from fastenv.lock.overlays import LARGEST, LockedOverlay, Overlays, find_overlays
from fastenv.lock.packed import Packed
from fastenv.lock.pins import Candidate, Pin, Resolver
from fastenv.lock.place import Place, place_of
from fastenv.lock.platform import locked_platform, target_of
from fastenv.lock.recent import Recent
from fastenv.lock.rows import (
    contested_rows,
    ignored_rows,
    index_row,
    interpreter_row,
    made_row,
    printable,
)
from fastenv.lock.rules import apply_rules
from fastenv.lock.settle import Settled, settle
from fastenv.lock.sources import Sources, gather_sources
from fastenv.lock.superseded import Beside
from fastenv.lock.transport import Transport
from fastenv.lock.workshop import Workshop
from fastenv.scan.inventory import Distribution, Inventory
from fastenv.scan.notes import unasked_notes
from fastenv.settings import Rules, read_rules

__all__ = ["Lock", "lock"]

NodeCredentials = Literal["none", "node"]


def lock(
    inventory: Inventory | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    python: str | os.PathLike[str] | None = None,
    prefix: str | os.PathLike[str] | None = None,
    public_indexes: Iterable[str] = (),
    private_indexes: Iterable[str] = (),
    credentials: NodeCredentials = "none",
    include_self: bool = False,
    link_scripts: bool = False,
    strict: bool = False,
    on_build_failure: OnBuildFailure = "error",
    build_timeout: float = 600.0,
    rules: Rules | None = None,
    max_loose_size: int = LARGEST,
    on_event: OnEvent | None = None,
) -> Lock:
    """Lock an environment: a URL or bytes, and a sha256, for everything that is installed.

    Args:
        inventory: what was scanned; default: scan ``python`` or ``prefix`` (or this interpreter) now.
        output: the lock file to write (``pylock.NAME.toml``); wheels that travel go beside it. None writes no
            lock, and such wheels go below the current folder.
        python, prefix, include_self: as of ``scan``.
        public_indexes, private_indexes: URLs of indexes and channels that count as such, whatever the rules say.
        credentials: of an index or channel that is not public, "none" lets the bytes travel; "node" leaves them to
            each node, which has a login of its own.
        link_scripts: whether a copy runs the link scripts of the conda packages.
        strict: whether it is a fault that a wheel must be packed up from installed files.
        on_build_failure: of a local project that can't be built, "error" is a fault, "copy" ships what can be
            imported of its tree, "ignore" leaves it out.
        build_timeout: seconds that one build may take.
        rules: what is left out and taken in; default: those of the working folder (``settings.read_rules``).
        max_loose_size: bytes of loose code that may be packed up.
        on_event: called from this thread with each Event.

    Raises LockFaults with every package that can't be locked and why; LockError and its kind for settings or
    a lock that are no good; NetworkError, ArtifactError, FileSystemError.

    Loose code, which can be imported and no package owns, is packed up beside the lock: that of PYTHONPATH and .pth
    files, and of this process's sys.path where it is its own environment that is locked.
    """
    target = None if output is None else Path(output)
    if target is not None:
        check_name(target)
        if not target.parent.is_dir():  # told before the work, not after it
            raise FileSystemError(
                f"there is no folder {target.parent} to write the lock to", path=str(target)
            )
    rules = read_rules() if rules is None else rules
    own = None if inventory or python or prefix else sys.path
    elsewhere: tuple[str, ...] = ()
    if inventory is None:
        from fastenv.scan import scan

        inventory = scan(python=python, prefix=prefix, include_self=include_self)
        elsewhere = unasked_notes(inventory, python, prefix, did="was locked", does="locks")
    outlet = Outlet(on_event)
    with outlet.errors():
        ruled = apply_rules(rules, inventory)
        loose = find_overlays(ruled.inventory, rules, search_path=own, largest=max_loose_size)
        work = _Work(ruled.inventory, outlet, tuple(public_indexes), tuple(private_indexes))
        work.local = LocalHalf(
            ruled.inventory,
            work.sources,
            work.environ,
            work.tell,
            strict=strict,
            on_build_failure=on_build_failure,
            timeout_s=build_timeout,
            secrets=list(work.credentials.secrets()),
        )
        work.loose, work.rules = loose, rules
        work.naming = Naming(work.credentials.secrets()) if credentials == "node" else None
        work.warn([*elsewhere, *ruled.warnings, *loose.warnings])
        if target is None:
            return work.run(Path.cwd(), link_scripts=link_scripts)
        with Beside(target) as beside:
            made = work.run(target.parent, link_scripts=link_scripts).write(target)
            beside.tidy(made)
        return made


class _Work:
    """One run of ``lock``: what all its steps need."""

    def __init__(
        self, inventory: Inventory, outlet: Outlet, public: Sequence[str], private: Sequence[str]
    ) -> None:
        self.inventory = inventory
        self.tell = outlet.tell
        self.environ: Mapping[str, str] = os.environ
        prefix = Path(inventory.prefix)
        self.sources: Sources = gather_sources(prefix=prefix, environ=self.environ, cwd=Path.cwd())
        self.credentials = Credentials(self.sources, self.environ)
        outlet.secrets = self.credentials.secrets()
        self.publicity = Publicity(self.credentials, public=public, private=private, environ=self.environ)
        self.transport = Transport(self.sources.network, self.credentials)
        self.artifacts = Artifacts(self.transport, self.environ, self._asked)
        self.conda = CondaHalf(inventory, self.environ)
        self.hashes = Hashes({it.location for it in inventory.distributions}, self.environ)
        self.local: LocalHalf
        self.loose = Overlays()
        self.rules = Rules()
        self.extras = Extras()
        self.naming: Naming | None = None

    def run(self, folder: Path, *, link_scripts: bool) -> Lock:
        try:
            return self._run(folder, link_scripts=link_scripts)
        finally:
            self.local.stop()

    def _run(self, folder: Path, *, link_scripts: bool) -> Lock:
        faults = list(inventory_faults(self.inventory))
        faulty = {fault.package for fault in faults}
        wheels = [it for it in self.inventory.distributions if it.origin.kind != "conda"]
        wanted = {name: why for name, why in unfetchable(self.inventory).items() if name not in faulty}
        sound = [it for it in wheels if it.name not in faulty and it.name not in wanted]
        self._warn(link_scripts=link_scripts)
        self.local.start(wanted)
        # reading the installed files and waiting for the network take each other's time
        known = [it for it in wheels if it.name in wanted and it.origin.kind != "editable" and _is_told(it)]
        edits = Background(lambda: self._edits([*sound, *known]))
        with self._stage("ask"):
            settled = self._settle(sound) if sound else Settled()
            settled.choices |= direct_choices(known, self.artifacts.look)
            wanted = {name: why for name, why in wanted.items() if name not in settled.choices}
            faults += self.conda.find(self.transport, self.publicity, self._asked)
            sources = (*self.sources.remote, *self.sources.local)
            local = self.local.extras
            self.extras.find(self.rules, self.inventory, self._resolver, sources, self.artifacts, local=local)
        faults += self._unsettled(sound, settled, wanted)
        with self._stage("compare"):
            faults += _unfit([*sound, *known], edits.result(), wanted)
            of_conda, told = self.conda.edits(link_scripts=link_scripts)
            faults += of_conda
            self.warn(told)
        if wanted:
            with self._stage("build"):
                faults += self.local.plan(wanted)
        self.artifacts.save()
        if faults:
            raise LockFaults(sorted(faults, key=lambda fault: (fault.package, fault.reason)))
        packages = self._bring(wheels, settled.choices, folder)
        return self._compose(packages, self.loose.write(folder), link_scripts=link_scripts)

    def _bring(
        self, wheels: Sequence[Distribution], choices: Mapping[str, Choice], folder: Path
    ) -> list[LockedPackage]:
        """Make what must be made and carry what must travel; the rows of the lock."""
        workshop = Workshop(folder)
        try:
            if self.local.is_needed:
                with self._stage("pack"):
                    self.local.make(workshop, Packed(self.hashes, workshop.beside, self.environ))
                    self.hashes.save()
            with self._stage("carry"):
                packages, travelling = self._packages(wheels, choices)
                for row, wheel in self.extras.rows(self._place):
                    packages.append(row)
                    travelling += [] if wheel is None else [(wheel, row.size or 0)]
                if self.naming is not None:
                    self.conda.name(self.naming)
                    self.warn(self.naming.refused)
                self._carry([*travelling, *self.conda.travelling()], folder)
                workshop.keep(self.local.made.values())
        finally:
            workshop.close()
        return packages

    def _asked(self, done: int, total: int) -> None:
        self.tell(Event("progress", stage="ask", done=done, total=total))

    def _resolver(self) -> Resolver:
        secrets = self.credentials.secrets()
        return Resolver(
            target_of(self.inventory), self.sources.network, environ=self.environ, secrets=secrets
        )

    def _settle(self, sound: Sequence[Distribution]) -> Settled:
        target = target_of(self.inventory)
        recent = Recent(self.sources, target, self.environ)
        groups = (self.sources.remote, self.sources.local)
        settled = settle(sound, groups, self._resolver(), self.artifacts.look, recent)
        recent.save()
        return settled

    def _edits(self, sound: Sequence[Distribution]) -> dict[str, tuple[Edit, ...]]:
        if not any(os.path.isdir(it.metadata_path) for it in sound):
            return {}
        contested = {row.path for row in self.inventory.contested}
        found = find_edits(sound, contested=contested, environ=self.environ, hashes=self.hashes)
        self.hashes.save()
        return found

    def _unsettled(
        self, sound: Sequence[Distribution], settled: Settled, wanted: dict[str, Unfetchable]
    ) -> list[Fault]:
        """Add to ``wanted`` what no source has; the faults of what a login may give."""
        missing = {
            Pin(it.name, it.version): settled.missing[it.name] for it in sound if it.name in settled.missing
        }
        sources = (*self.sources.remote, *self.sources.local)
        faults = []
        for absent in explain(missing, sources, self.transport):
            if absent.refused:
                faults.append(absent.fault)
            else:
                wanted[absent.fault.package] = Unfetchable(absent.reason, absent.fault)
        for it in sound:
            choice = settled.choices.get(it.name)
            if choice is not None and choice.wheel is None:
                hint = (
                    "it was built or changed elsewhere: put the wheel that was installed into a find-links folder, or "
                    f"install the index's: pip install --force-reinstall --no-deps {it.name}=={it.version}"
                )
                fault = Fault(it.name, it.version, choice.reason, hint)
                wanted[it.name] = Unfetchable("another build of this version", fault)
        return faults

    def _packages(
        self, sound: Sequence[Distribution], choices: Mapping[str, Choice]
    ) -> tuple[list[LockedPackage], list[tuple[Candidate, int]]]:
        """The rows of the lock, and what travels with it, with its bytes."""
        packages, travelling = [], []
        for it in sound:
            made = self.local.made.get(it.name)
            if made is not None:
                if made.file is None:
                    travelling.append((made.wheel, made.wheel.size or 0))
                packages.append(made_row(it, made))
                continue
            choice = choices.get(it.name)
            wheel = None if choice is None else choice.wheel
            if choice is None or wheel is None:
                continue  # it is left out
            place = self._place(wheel)
            if place.travels:
                travelling.append((wheel, choice.size or 0))
            packages.append(index_row(it, wheel, choice.size, place))
        return packages, travelling

    def _carry(self, travelling: Sequence[tuple[Candidate, int]], folder: Path) -> None:
        if not travelling:
            return
        sizes = {wheel.sha256: size for wheel, size in travelling}
        done: list[int] = []

        def tell() -> None:
            self.tell(
                Event(
                    "progress",
                    stage="carry",
                    done=len(done),
                    total=len(sizes),
                    done_bytes=sum(done),
                    total_bytes=sum(sizes.values()),
                )
            )

        def carried(wheel: Candidate) -> None:
            done.append(sizes[wheel.sha256])
            tell()

        tell()
        carry([wheel for wheel, _ in travelling], folder, self.transport, carried)

    def _private_reason(self, wheel: Candidate) -> str | None:
        if wheel.source is None:
            return "its index is not known"
        return self.publicity.private_reason(wheel.source) or self.publicity.file_reason(
            wheel.url, wheel.source
        )

    def _place(self, wheel: Candidate) -> Place:
        return place_of(wheel, self._private_reason(wheel), self.naming)

    def _compose(
        self, packages: Sequence[LockedPackage], overlays: Sequence[LockedOverlay], *, link_scripts: bool
    ) -> Lock:
        inventory = self.inventory
        return compose(
            platform=locked_platform(inventory, [package.filename for package in packages]),
            interpreter=interpreter_row(inventory),
            packages=packages,
            conda=self.conda.rows(),
            virtual=virtual_packages(self.conda.packages),
            libraries=self._libraries(packages),
            link_scripts=link_scripts and bool(self.conda.packages),
            contested=contested_rows(inventory, {it.name for it in self.local.left_out}),
            overlays=overlays,
            settings=self.conda.settings,
            indexes=[] if self.naming is None else self.naming.indexes,
            ignored=[*ignored_rows(inventory, self.loose), *self.local.left_out],
            created_with=_version(),
        )

    def _libraries(self, packages: Sequence[LockedPackage]) -> list[LockedLibrary]:
        extras = {pin.name: wheel for pin, wheel in self.extras.wheels.items()}
        more = loose_libraries(self.inventory, self.loose, extras, self.rules)
        rows = with_loose_libraries(locked_libraries(self.inventory, packages, self.rules), more)
        self.warn(unknown_libraries(self.inventory, rows, self.rules))
        return rows

    def _warn(self, *, link_scripts: bool) -> None:
        for message in self.conda.warnings(link_scripts=link_scripts):
            self._warn_of(message)
        for link in self.sources.absent:
            self._warn_of(f"the find-links folder {link} is not there")
        distributions = [it for it in self.inventory.distributions if it.origin.kind != "conda"]
        if distributions and not any(os.path.isdir(it.metadata_path) for it in distributions):
            self._warn_of("the environment is not on this machine: its files were not looked at for edits")
        for stray in self.inventory.strays:
            if stray.kind == "module" and not self.loose.accounts_for(stray.path):
                self._warn_of(f"{stray.path} is not in the lock: {stray.reason}")

    def warn(self, messages: Iterable[str]) -> None:
        """Tell these sentences."""
        for message in messages:
            self._warn_of(message)

    def _warn_of(self, message: str) -> None:
        self.tell(Event("warning", message=printable(message)))

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.tell(Event("stage", stage=name, seconds=time.monotonic() - started))


def _unfit(
    sound: Sequence[Distribution],
    edits: Mapping[str, Sequence[Edit]],
    wanted: dict[str, Unfetchable],
) -> Iterator[Fault]:
    """Add to ``wanted`` what was edited; the faults of what is not what was scanned any more."""
    for it in sound:
        if it.name not in edits:
            continue
        why = edited(it, edits[it.name])
        if any(edit.install_path.endswith(".dist-info/RECORD") for edit in edits[it.name]):
            yield why.fault
        elif it.name in wanted:
            wanted[it.name] = replace(wanted[it.name], edited=True)
        else:
            wanted[it.name] = why


def _is_told(it: Distribution) -> bool:
    """Whether RECORD tells its files."""
    return it.files_digest is not None and not it.problems


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fastenv")
    except PackageNotFoundError:  # run from a source tree
        return "0"
