"""The conda packages of an environment: to rows of the lock, to what travels with it, and to faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fastenv.exceptions import Fault
from fastenv.listing import some_of
from fastenv.lock.carried import carried_path
from fastenv.lock.conda_edits import find_conda_edits
from fastenv.lock.conda_settings import CondaSettings, lockable, settings_warnings
from fastenv.lock.edits import Edit, edits_text
from fastenv.lock.indexes import Publicity
from fastenv.lock.locked_conda import LockedConda, LockedVirtual
from fastenv.lock.naming import NamedFile, Naming
from fastenv.lock.pins import Candidate
from fastenv.lock.reinstall import reinstall
from fastenv.lock.scripted import with_post_link, with_pre_link
from fastenv.lock.transport import Transport
from fastenv.scan.conda_url import without_login
from fastenv.scan.inventory import CondaPackage, Inventory

if TYPE_CHECKING:
    from fastenv.lock.conda_artifacts import CondaArtifact

__all__ = ["CondaHalf", "site_of", "virtual_packages"]


class CondaHalf:
    """The steps of a lock for conda's packages; nothing happens in an environment without any."""

    def __init__(self, inventory: Inventory, environ: Mapping[str, str]) -> None:
        conda = inventory.conda
        self._inventory = inventory
        self._environ = environ
        self._prefix = "" if conda is None else conda.prefix
        packages = () if conda is None else conda.packages
        self.packages: Sequence[CondaPackage] = [it for it in packages if not it.problems]
        self.artifacts: list[CondaArtifact] = []
        self._named: dict[str, NamedFile] = {}

    def find(
        self, transport: Transport, publicity: Publicity, on_asked: Callable[[int, int], object]
    ) -> list[Fault]:
        """Find every archive, which ``artifacts`` then holds; the faults of those that can't be had."""
        if not self.packages:
            return []
        # most environments have none
        from fastenv.lock.channel_logins import ChannelLogins
        from fastenv.lock.conda_artifacts import CondaArtifacts
        from fastenv.lock.package_cache import PackageCaches, condarcs

        caches = PackageCaches(self._prefix, self._environ)
        logins = ChannelLogins(condarcs(self._prefix, self._environ), self._environ)
        search = CondaArtifacts(
            transport, publicity, caches=caches, logins=logins, environ=self._environ, on_asked=on_asked
        )
        self.artifacts, faults = search.find(self.packages)
        return faults

    def edits(self, *, link_scripts: bool) -> tuple[list[Fault], list[str]]:
        """A fault for each package with edited files; a warning instead where a script may have edited them that runs
        again for a copy.
        """
        contested = {row.path for row in self._inventory.contested}
        found = find_conda_edits(
            self.packages,
            self._prefix,
            site=site_of(self._inventory),
            contested=contested,
            environ=self._environ,
        )
        scripted = with_post_link(self.packages, self._prefix)
        edited = [(it, found[it.name]) for it in self.packages if it.name in found]
        if link_scripts and scripted:
            return [], [_edit_warning(it.name, edits, scripted) for it, edits in edited]
        return [_edit_fault(it, edits, scripted) for it, edits in edited], []

    def name(self, naming: Naming) -> None:
        """Leave to nodes with logins of their own what they can get from channels that are not public."""
        for it in self.artifacts:
            file = naming.archive(it.package.file_name, it.source, it.private) if it.private else None
            if file is not None:
                self._named[it.package.name] = file

    def rows(self) -> list[LockedConda]:
        """The packages as the lock has them."""
        return [_row(artifact, self._named.get(artifact.package.name)) for artifact in self.artifacts]

    @property
    def settings(self) -> CondaSettings:
        """What conda keeps of the environment beside its packages."""
        return lockable(self._inventory.conda)

    def travelling(self) -> list[tuple[Candidate, int]]:
        """What must travel with the lock, each with its bytes."""
        travelling = (it for it in self.artifacts if it.private and it.package.name not in self._named)
        return [(_candidate(it), it.size or 0) for it in travelling]

    def warnings(self, *, link_scripts: bool) -> Iterator[str]:
        """What of the environment is in no lock, and what does not come from where its record says."""
        conda = self._inventory.conda
        if conda is None:
            return
        yield from settings_warnings(conda)
        for it in self.packages:
            if it.shortcuts:
                yield f"{it.name} has shortcuts for a desktop's menu (Menu/*.json), which are copied and not installed"
            if it.link_scripts and not link_scripts:
                yield f"{it.name} has link scripts, which run only where `fastenv lock --link-scripts` asks for it"
        for name in with_pre_link(self.packages, self._prefix):
            yield f"{name} has a pre-link script, which no copy runs: it would change what environments share"


def virtual_packages(packages: Iterable[CondaPackage]) -> list[LockedVirtual]:
    """What packages want of a node that no package brings, as their records say it, each spec once.

    A constraint says how a virtual package must be where there is one; conda forgives a node that is without it.
    """
    wanted: dict[tuple[str, bool], set[str]] = {}
    for package in packages:
        for optional, texts in ((False, package.depends), (True, package.constrains)):
            for text in texts:
                if text.startswith("__"):
                    wanted.setdefault((" ".join(text.split()), optional), set()).add(package.name)
    return [LockedVirtual(spec, tuple(sorted(names)), optional) for (spec, optional), names in wanted.items()]


def site_of(inventory: Inventory) -> str:
    """site-packages of the prefix, relative to it."""
    root = f"{inventory.prefix}/"
    places = (it.path for it in inventory.search_path if it.site and it.layer == "env")
    return next((place[len(root) :] for place in places if place.startswith(root)), "")


def _row(artifact: CondaArtifact, named: NamedFile | None) -> LockedConda:
    package, private = artifact.package, artifact.private is not None
    channel = package.channel if re.match("https?://", package.channel) and not private else None
    return LockedConda(
        name=package.name,
        version=package.version,
        build=package.build,
        build_number=package.build_number,
        subdir=package.subdir,
        filename=package.file_name,
        sha256=artifact.sha256,
        url=None if private else without_login(artifact.source),
        path=carried_path(_candidate(artifact)) if private else None,
        index_name=None if named is None else named.index,
        index_path=None if named is None else named.path,
        channel=channel,
        md5=artifact.md5 or None,
        size=artifact.size,
        noarch=package.noarch or None,
        requested=package.requested,
        link_scripts=package.link_scripts,
    )


def _candidate(artifact: CondaArtifact) -> Candidate:
    return Candidate(artifact.package.file_name, artifact.source, artifact.sha256, artifact.size)


def _edit_fault(package: CondaPackage, edits: Sequence[Edit], scripted: Collection[str]) -> Fault:
    is_scripted = package.name in scripted
    by_script = "; it has a post-link script, which may have done that" if is_scripted else ""
    reason = f"installed files were edited: {edits_text(edits)}{by_script}"
    again = reinstall(package)
    hint = (
        f"lock with --link-scripts, so that each copy runs the script; else {again}" if is_scripted else again
    )
    return Fault(f"conda:{package.name}", package.version, reason, hint)


def _edit_warning(name: str, edits: Sequence[Edit], scripted: Sequence[str]) -> str:
    noun = "script" if len(scripted) == 1 else "scripts"
    return (
        f"files of {name} are not those of its archive: {edits_text(edits)}; a copy has the archive's, and what the "
        f"post-link {noun} of {some_of(scripted)} may change of them again"
    )
