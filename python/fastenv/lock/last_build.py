"""What is remembered of a project's last real build, and whether its wheel may be brought up to date without one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from fastenv.build.build_cache import BuildCache
from fastenv.build.built_wheel import contents_of_built
from fastenv.build.project import Project
from fastenv.build.replacement import replaced, same_contents, state_of_build
from fastenv.build.snapshot import Snapshot
from fastenv.build.wheel_file import Contents, NotPackable
from fastenv.lock import cache

__all__ = ["LastBuild"]


class LastBuild:
    """Of one project for one interpreter; kept in the user's cache folder."""

    def __init__(self, wheels: BuildCache, folder: Path, project: Project, python: str) -> None:
        self._wheels = wheels
        self._project = project
        it = project.distribution
        named = f"{it.name}\n{it.version}\n{project.folder}\n{python}"
        name = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()
        self._path = folder / "projects-v1" / f"{name[:32]}.json"
        self._state = cache.load(self._path)
        self._settings = hashlib.sha256(project.settings.encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def is_trusted(self) -> bool:
        """Whether a replacement was once what a real build gave, with the settings that the project has now."""
        return self._state.get("trusted") == self._settings

    def replaced(self, snapshot: Snapshot, digests: Mapping[str, str]) -> Contents | None:
        """The last wheel with the files that there are now; None if that takes a real build."""
        if self._state.get("distrusted") == self._settings:
            return None
        kept = self._wheels.get(str(self._state.get("key", "")) or "none")
        if kept is None:
            return None
        it = self._project.distribution
        try:
            contents = contents_of_built(kept.path, it.name, it.version)
            return replaced(contents, self._state, snapshot, digests, self._project.settings)
        except (NotPackable, OSError):
            return None

    def note(
        self,
        key: str,
        snapshot: Snapshot,
        digests: Mapping[str, str],
        contents: Contents,
        guess: Contents | None,
    ) -> None:
        """A real build gave ``contents``, where a replacement would have been ``guess``."""
        trust: dict[str, str] = {
            name: self._state[name] for name in ("trusted", "distrusted") if name in self._state
        }
        if guess is not None:
            trust = {"trusted" if same_contents(guess, contents) else "distrusted": self._settings}
        cache.save(self._path, state_of_build(key, snapshot, digests, contents) | trust)
