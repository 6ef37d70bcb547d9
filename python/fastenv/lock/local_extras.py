"""Extra packages that no index has: folders, source archives and Git repositories are built, wheels taken as they are.

Each becomes a wheel that travels with the lock. A folder is built from a snapshot, as an editable project is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from fastenv.build.backend import Builder, BuildFailed
from fastenv.build.build_cache import BuildCache, build_key
from fastenv.build.built_wheel import contents_of_built
from fastenv.build.snapshot import Snapshot, take_snapshot
from fastenv.build.wheel_file import NotPackable, write_wheel
from fastenv.digest import sha256_of
from fastenv.event import Event, OnEvent
from fastenv.exceptions import LockError
from fastenv.local_requirement import LocalRequirement
from fastenv.lock import cache
from fastenv.lock.at_once import Background
from fastenv.lock.edits import Hashes
from fastenv.lock.pins import Candidate, Pin, SettingsFile, uv_environment
from fastenv.lock.sources import Sources, redact
from fastenv.lock.wheel_digest import NotAWheel, wheel_files_digest
from fastenv.scan.installed import canonical
from fastenv.scan.inventory import Inventory
from fastenv.surroundings import without_credentials

__all__ = ["LocalExtras", "MadeExtra"]

_ARCHIVES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")
_GIT_TIMEOUT_S = 600.0


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
    """Makes wheels; ``close`` ends what is under way and removes what was made on the way."""

    inventory: Inventory
    sources: Sources
    environ: Mapping[str, str]
    on_event: OnEvent
    timeout_s: float = 600.0
    secrets: Sequence[str] = ()
    _builder: Builder | None = None
    _settings: SettingsFile | None = None
    _room: Path | None = field(default=None)

    def make(self, wanted: Sequence[LocalRequirement], folder: Path) -> list[MadeExtra]:
        """A wheel for each; paths are seen from ``folder``. Raises LockError where one can't be had, and why."""
        return [self._one(it, folder) for it in wanted]

    def close(self) -> None:
        """End builds, and leave nothing behind."""
        if self._builder is not None:
            self._builder.stop()
        if self._settings is not None:
            self._settings.__exit__()
        if self._room is not None:
            shutil.rmtree(self._room, ignore_errors=True)

    def _new_folder(self) -> Path:
        if self._room is None:
            self._room = Path(tempfile.mkdtemp(prefix="fastenv-extra-"))
        return Path(tempfile.mkdtemp(dir=self._room))

    def _one(self, it: LocalRequirement, folder: Path) -> MadeExtra:
        if it.kind == "git":
            made = self._of_git(it)
        else:
            path = it.path(folder)
            if path.is_dir():
                made = self._of_folder(it, path, "a folder")
            elif path.name.endswith(".whl") and path.is_file():
                made = _as_it_is(it, path)
            elif path.name.endswith(_ARCHIVES) and path.is_file():
                key = build_key([f"extra {self._python()}\n", f"archive {sha256_of(path)}\n"])
                made = _made(
                    it, self._wheel(it, key, lambda: path), "built", "an extra from a source archive"
                )
            else:
                what = "is not there" if not path.exists() else "is no folder, wheel or source archive"
                raise _fault(it, f"{path} {what}", "paths in extra are seen from the folder of the settings")
        if it.name and canonical(it.name) != made.pin.name:
            raise _fault(it, f"what was found there is {made.pin.name}", "write that name, or none")
        return made

    def _of_folder(self, it: LocalRequirement, path: Path, what: str, commit: str | None = None) -> MadeExtra:
        if not any((path / name).is_file() for name in ("pyproject.toml", "setup.py")):
            hint = "loose modules ship with include"
            raise _fault(it, f"{path} has neither pyproject.toml nor setup.py, so it is no project", hint)
        try:
            snapshot = take_snapshot(str(path), self.environ)
            hashes = Hashes({f"extra {path}"}, self.environ)
            key = build_key([f"extra {self._python()}\n", *_state(snapshot, hashes)])
            hashes.save()
            wheel = self._wheel(it, key, lambda: snapshot.copy_to(self._new_folder() / "tree"))
        except OSError as error:
            raise _fault(it, f"{error.filename or path} cannot be read: {error.strerror}") from error
        return _made(it, wheel, "built", f"an extra from {what}", commit)

    def _of_git(self, it: LocalRequirement) -> MadeExtra:
        clone = self._new_folder() / "clone"
        self._git(it, "clone", "--quiet", "--", it.place, str(clone))
        if it.revision:
            self._git(it, "-C", str(clone), "checkout", "--quiet", it.revision)
        self._git(it, "-C", str(clone), "submodule", "--quiet", "update", "--init", "--recursive")
        commit = self._git(it, "-C", str(clone), "rev-parse", "HEAD").strip()
        folder = clone / it.subdirectory
        if not folder.is_dir():
            raise _fault(it, f"the repository has no folder {it.subdirectory}")
        return self._of_folder(it, folder, "git", commit)

    def _git(self, it: LocalRequirement, *words: str) -> str:
        environ = {**without_credentials(self.environ), "GIT_TERMINAL_PROMPT": "0"}
        command = ["git", *words]
        work = Background(
            lambda: subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                env=environ,
                stdin=subprocess.DEVNULL,
                timeout=_GIT_TIMEOUT_S,
                check=False,
            )
        )
        try:
            done = work.result()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _fault(it, f"git cannot be run: {error}") from error
        if done.returncode:
            lines = [line for line in self._clean(done.stderr).splitlines() if line.strip()]
            raise _fault(it, f"git says: {lines[-1] if lines else done.returncode}")
        return done.stdout

    def _wheel(self, it: LocalRequirement, key: str, source: Callable[[], Path]) -> Path:
        """The wheel of a build, in the cache or made of ``source``: the same bytes each time."""
        store = BuildCache(cache.cache_folder(self.environ) / "built-v1")
        kept = store.get(key)
        if kept is not None:
            return kept.path
        wheel = self._built(it, source())
        name, version = _told(it, wheel)
        try:
            contents = contents_of_built(wheel, name, version)
        except NotPackable as error:
            raise _fault(it, str(error)) from error
        kept = store.put(key, contents, _digest)
        if kept is not None:
            return kept.path
        own = self._new_folder() / contents.filename
        return write_wheel(contents, own).path

    def _built(self, it: LocalRequirement, source: Path) -> Path:
        """What the backend makes of a tree or a source archive."""
        builder, out = self._ready(), self._new_folder()
        shown = it.name or it.place
        self.on_event(Event("building", package=shown, message=redact(it.place)))
        try:
            work = Background(lambda: builder.build(source, out, {"GIT_OPTIONAL_LOCKS": "0"}))
            wheel = work.result()
        except BuildFailed as error:
            error.log = self._clean(error.log)
            words = f":\n{error.last_words}" if error.log else ""
            raise _fault(
                it, f"{error}{words}", "build a wheel of it yourself, and name that in extra"
            ) from error
        self.on_event(Event("packed", package=shown, message="built for the nodes"))
        return wheel

    def _ready(self) -> Builder:
        if self._builder is None:
            import uv

            facts = self.inventory.interpreter
            self._settings = SettingsFile([*self.sources.remote, *self.sources.local], self.sources.network)
            asks = ("--config-file", self._settings.__enter__(), "--index-strategy", "unsafe-best-match")
            self._builder = Builder(
                uv.find_uv_bin(),
                "" if facts is None else facts.executable,
                (*asks, "--no-python-downloads"),
                uv_environment(self.environ, self.sources.network),
                self.timeout_s,
            )
        return self._builder

    def _python(self) -> str:
        facts = self.inventory.interpreter
        return "" if facts is None else f"{facts.implementation} {facts.version} {facts.soabi}"

    def _clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "****")
        return text


def _state(snapshot: Snapshot, hashes: Hashes) -> Iterable[str]:
    """What a build of it depends on; the version may be that of a tag."""
    tags = ""
    if snapshot.git_dir:
        refs = Path(snapshot.git_dir, "refs", "tags")
        packed = Path(snapshot.git_dir, "packed-refs")
        names = sorted(os.listdir(refs)) if refs.is_dir() else []
        tags = f"{names} {sha256_of(packed) if packed.is_file() else ''}"
    return [f"tags {tags}\n", *snapshot.facts(snapshot.digests(hashes.digest))]


def _as_it_is(it: LocalRequirement, path: Path) -> MadeExtra:
    return _made(it, path, "local", "an extra from a file")


def _made(it: LocalRequirement, path: Path, origin: str, reason: str, commit: str | None = None) -> MadeExtra:
    name, version = _told(it, path)
    try:
        _digest(path)
        candidate = Candidate(path.name, path.resolve().as_uri(), sha256_of(path), path.stat().st_size)
    except NotAWheel as error:
        raise _fault(it, f"{path.name}: {error}") from error
    except OSError as error:
        raise _fault(it, f"{path} cannot be read: {error.strerror}") from error
    return MadeExtra(it, Pin(name, version), candidate, origin, reason, commit)


def _told(it: LocalRequirement, wheel: Path) -> tuple[str, str]:
    """Name and version, by the wheel's file name."""
    try:
        name, version, _, _ = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename as error:
        raise _fault(it, str(error)) from error
    return canonical(name), str(version)


def _digest(wheel: Path) -> str:
    with wheel.open("rb") as stream:
        return wheel_files_digest(stream)


def _fault(it: LocalRequirement, message: str, hint: str | None = None) -> LockError:
    return LockError(f"extra {it.text}: {message}", package=it.name or None, hint=hint)
