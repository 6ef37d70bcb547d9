"""Where wheels are built: uv as the builder, told of the lock's sources, and folders that are gone afterwards.

All is made when the first build wants it; editable projects, on threads of theirs, and extra packages share one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from fastenv.build.backend import Builder, BuildFailed
from fastenv.build.build_cache import BuildCache, Kept
from fastenv.build.wheel_file import Contents
from fastenv.lock import cache
from fastenv.lock.backends import Backends, build_requires
from fastenv.lock.pins import SettingsFile, uv_environment
from fastenv.lock.secret_words import masked
from fastenv.lock.sources import Sources
from fastenv.lock.wheel_digest import digest_of_wheel
from fastenv.scan.inventory import Inventory

__all__ = ["BuildSite"]


class _Tools(NamedTuple):
    builder: Builder
    backends: Backends
    settings: SettingsFile
    room: Path


class BuildSite:
    """``close`` ends builds that are under way and leaves nothing behind. Safe to use from many threads.

    ``timeout_s`` is the limit of each build; ``secrets`` are what the words of a backend may not repeat. ``python``
    names the interpreter that wheels are built for.
    """

    def __init__(
        self,
        inventory: Inventory,
        sources: Sources,
        environ: Mapping[str, str],
        *,
        timeout_s: float,
        secrets: Sequence[str],
    ) -> None:
        facts = inventory.interpreter
        self.python = "" if facts is None else f"{facts.implementation} {facts.version} {facts.soabi}"
        self._inventory = inventory
        self._sources = sources
        self._environ = environ
        self._timeout_s = timeout_s
        self._secrets = secrets
        self.wheels = BuildCache(cache.cache_folder(environ) / "built-v1")
        self._guard = Lock()
        self._tools: _Tools | None = None
        self._closed = False

    def close(self) -> None:
        """End builds, and remove the folders and the settings, which may hold a login."""
        with self._guard:
            self._closed = True
        if self._tools is not None:
            self._tools.builder.stop()
            self._tools.settings.__exit__()
            shutil.rmtree(self._tools.room, ignore_errors=True)

    def folder(self) -> Path:
        """A new folder, which ``close`` removes. Raises OSError; BuildFailed once it is closed."""
        return Path(tempfile.mkdtemp(dir=self._open().room))

    def backend(self, source: Path) -> tuple[str, ...]:
        """``name==version`` of what a build of a folder or source archive would take now. Raises BuildFailed."""
        return self._open().backends.versions(build_requires(source))

    def build(self, source: Path, variables: Mapping[str, str], backend: Sequence[str]) -> Path:
        """The wheel of a folder or source archive, by these versions of its backend. Raises BuildFailed, OSError."""
        out = self.folder()
        try:
            return self._open().builder.build(source, out, {**variables, "GIT_OPTIONAL_LOCKS": "0"}, backend)
        except BuildFailed as error:
            error.log = masked(error.log, self._secrets)
            raise

    def keep(self, key: str, contents: Contents) -> Kept | None:
        """The wheel of these contents in the user's cache folder; None where that can't be written."""
        return self.wheels.put(key, contents, digest_of_wheel)

    def _open(self) -> _Tools:
        with self._guard:
            if self._closed:
                raise BuildFailed("its build was called off", "")
            if self._tools is None:
                self._tools = self._new_tools()
            return self._tools

    def _new_tools(self) -> _Tools:
        import uv

        facts, sources = self._inventory.interpreter, [*self._sources.remote, *self._sources.local]
        program, room = uv.find_uv_bin(), Path(tempfile.mkdtemp(prefix="fastenv-build-"))
        settings = SettingsFile(sources, self._sources.network)
        asks = ("--config-file", settings.__enter__(), "--index-strategy", "unsafe-best-match")
        builder = Builder(
            program,
            "" if facts is None else facts.executable,
            (*asks, "--no-python-downloads"),
            uv_environment(self._environ, self._sources.network),
            self._timeout_s,
        )
        installed = {it.name: it.version for it in self._inventory.distributions}
        context = [self.python, *(source.shown for source in sources)]
        backends = Backends(builder.versions, installed, context, self._environ)
        return _Tools(builder, backends, settings, room)
