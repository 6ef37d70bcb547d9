"""Extra packages that no index has: folders, source archives and Git repositories are built, wheels taken as they are.

Each becomes a wheel that travels with the lock. A folder is built from a snapshot, as an editable project is.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from fastenv.build.backend import BuildFailed
from fastenv.build.build_cache import build_key
from fastenv.build.built_wheel import contents_of_built
from fastenv.build.snapshot import Snapshot, take_snapshot
from fastenv.build.wheel_file import NotPackable, write_wheel
from fastenv.digest import sha256_of
from fastenv.event import Event, OnEvent
from fastenv.exceptions import LockError
from fastenv.git import run_git, told_by_git
from fastenv.local_requirement import LocalRequirement
from fastenv.lock.at_once import Background
from fastenv.lock.build_site import BuildSite
from fastenv.lock.edits import Hashes
from fastenv.lock.pins import Candidate, Pin
from fastenv.lock.sources import redact
from fastenv.lock.wheel_digest import NotAWheel, digest_of_wheel
from fastenv.scan.installed import canonical

__all__ = ["LocalExtras", "MadeExtra"]

_ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class MadeExtra:
    """A wheel on this machine for one requirement; ``origin``, ``reason`` and ``commit`` are what the lock says."""

    requirement: LocalRequirement
    pin: Pin
    wheel: Candidate
    origin: str
    reason: str
    commit: str | None = None

    @property
    def text(self) -> str:
        """The requirement as uv takes it."""
        return f"{self.pin.name}{self.requirement.extras} @ {self.wheel.url}"


@dataclass
class LocalExtras:
    """Makes wheels at a building site, which is the caller's to close."""

    site: BuildSite
    environ: Mapping[str, str]
    on_event: OnEvent

    def make(self, wanted: Sequence[LocalRequirement], folder: Path) -> list[MadeExtra]:
        """A wheel for each; paths are seen from ``folder``. Raises LockError where one can't be had, and why."""
        return [self._one(it, folder) for it in wanted]

    def _one(self, it: LocalRequirement, folder: Path) -> MadeExtra:
        try:
            made = self._of_git(it) if it.kind == "git" else self._of_path(it, it.path(folder))
        except OSError as error:
            place = error.filename or it.place
            raise _fault(it, f"{place} cannot be read or written: {error.strerror or error}") from error
        except BuildFailed as error:
            words = f":\n{error.last_words}" if error.log else ""
            hint = "build a wheel of it yourself, and name that in extra"
            raise _fault(it, f"{error}{words}", hint) from error
        except (NotAWheel, NotPackable) as error:
            raise _fault(it, str(error)) from error
        if it.name and canonical(it.name) != made.pin.name:
            raise _fault(it, f"what was found there is {made.pin.name}", "write that name, or none")
        return made

    def _of_path(self, it: LocalRequirement, path: Path) -> MadeExtra:
        if path.is_dir():
            hashes = Hashes({f"extra {path.absolute()}"}, self.environ)
            wheel = self._of_folder(it, path, hashes.digest)
            hashes.save()
            return MadeExtra(it, _pin(wheel), wheel, "built", "an extra from a folder")
        if path.name.endswith(".whl") and path.is_file():
            return _as_it_is(it, path)
        if path.name.endswith(_ARCHIVES) and path.is_file():
            wheel = self._wheel(it, path, [f"archive {sha256_of(path)}\n"], lambda: path)
            return MadeExtra(it, _pin(wheel), wheel, "built", "an extra from a source archive")
        what = "is not there" if not path.exists() else "is no folder, wheel or source archive"
        raise _fault(it, f"{path} {what}", "paths in extra are seen from the folder of the settings")

    def _of_folder(self, it: LocalRequirement, path: Path, digest: Callable[[str], str]) -> Candidate:
        if not any((path / name).is_file() for name in ("pyproject.toml", "setup.py")):
            hint = "loose modules ship with include"
            raise _fault(it, f"{path} has neither pyproject.toml nor setup.py, so it is no project", hint)
        snapshot = take_snapshot(str(path), self.environ)
        facts = [*self._tags(snapshot), *snapshot.facts(snapshot.digests(digest))]
        return self._wheel(it, path, facts, lambda: snapshot.copy_to(self.site.folder()))

    def _tags(self, snapshot: Snapshot) -> Iterator[str]:
        """Of a repository: the version may be that of one."""
        words = ("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
        if snapshot.git_dir:
            yield f"tags {told_by_git(snapshot.folder, self.environ, *words)!r}\n"

    def _of_git(self, it: LocalRequirement) -> MadeExtra:
        clone = str(self.site.folder() / "clone")
        self._git(it, None, "clone", "--quiet", "--", it.place, clone)
        if it.revision:
            self._git(it, clone, "checkout", "--quiet", it.revision, "--")
        self._git(it, clone, "submodule", "--quiet", "update", "--init", "--recursive")
        commit = self._git(it, clone, "rev-parse", "HEAD").strip()
        folder = Path(clone, it.subdirectory)
        if not folder.is_dir():
            raise _fault(it, f"the repository has no folder {it.subdirectory}")
        wheel = self._of_folder(it, folder, sha256_of)
        return MadeExtra(it, _pin(wheel), wheel, "built", "an extra from git", commit)

    def _git(self, it: LocalRequirement, folder: str | None, *words: str) -> str:
        try:
            work = Background(lambda: run_git(*words, environ=self.environ, folder=folder, logs_in=True))
            done = work.result()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _fault(it, f"git cannot be run: {error}") from error
        if done.returncode:
            lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
            raise _fault(it, f"git says: {lines[-1] if lines else done.returncode}")
        return done.stdout.decode(errors="replace")

    def _wheel(
        self, it: LocalRequirement, place: Path, facts: Sequence[str], source: Callable[[], Path]
    ) -> Candidate:
        """The wheel of the project at ``place``, in the cache or made of ``source``: the same bytes each time."""
        backend = Background(lambda: self.site.backend(place)).result()
        tools = "\n".join([self.site.python, *backend])
        key = build_key([f"extra {tools}\n", *facts])
        kept = self.site.wheels.get(key)
        if kept is None:
            built = self._built(it, source(), backend)
            pin = _pin_of(built.name)
            contents = contents_of_built(built, pin.name, pin.version)
            kept = self.site.keep(key, contents)
            if kept is None:
                written = write_wheel(contents, self.site.folder() / contents.filename)
                return Candidate(written.path.name, written.path.as_uri(), written.sha256, written.size)
        return Candidate(kept.path.name, kept.path.as_uri(), kept.sha256, kept.size)

    def _built(self, it: LocalRequirement, source: Path, backend: Sequence[str]) -> Path:
        """What the backend makes of a tree or a source archive."""
        shown = it.name or it.place
        self.on_event(Event("building", package=shown, message=redact(it.place)))
        wheel = Background(lambda: self.site.build(source, {}, backend)).result()
        self.on_event(Event("packed", package=shown, message="built for the nodes"))
        return wheel


def _as_it_is(it: LocalRequirement, path: Path) -> MadeExtra:
    pin = _pin_of(path.name)
    digest_of_wheel(path)  # a damaged one is told here, not by a node
    wheel = Candidate(path.name, path.resolve().as_uri(), sha256_of(path), path.stat().st_size)
    return MadeExtra(it, pin, wheel, "local", "an extra from a file")


def _pin(wheel: Candidate) -> Pin:
    return _pin_of(wheel.filename)


def _pin_of(filename: str) -> Pin:
    """Name and version, by the wheel's file name. Raises NotAWheel."""
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise NotAWheel(str(error)) from error
    return Pin(canonical(name), str(version))


def _fault(it: LocalRequirement, message: str, hint: str | None = None) -> LockError:
    return LockError(f"extra {it.text}: {message}", package=it.name or None, hint=hint)
