"""Which versions of its backend a project would be built with now: the wheel of another one is made again.

Ten minutes is how long an answer holds, as it does for the wheels of pins (``recent``). Where no index can tell, what
was known before holds: a wheel that is there need not be made again because the network is not.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from fastenv.lock import cache, toml
from fastenv.scan.installed import canonical

__all__ = ["Backends", "build_requires"]

_HOLDS_S = 600.0
_KEPT_S = 30 * 86400.0
_DEFAULT = ("setuptools>=40.8.0",)
"""Of a project that says nothing (PEP 518, and what build frontends have made of it)."""


def build_requires(source: Path) -> tuple[str, ...]:
    """What the project in a folder or source archive wants for its build from an index; nothing if its settings can't
    be read.
    """
    try:
        text = _settings(source)
        table = None if text is None else toml.loads(text.decode()).get("build-system")
    except Exception:  # noqa: BLE001 # archives break in many ways; the build says in which
        return ()
    if table is None:
        return _DEFAULT
    told = table.get("requires") if isinstance(table, dict) else None
    return tuple(text for text in told if _is_of_an_index(text)) if isinstance(told, list) else ()


def _settings(source: Path) -> bytes | None:
    """The text of pyproject.toml, None if there is none."""
    if not source.is_dir():
        from fastenv.build.source_archive import settings_in

        return settings_in(source)
    try:
        return (source / "pyproject.toml").read_bytes()
    except FileNotFoundError:
        return None


def _is_of_an_index(text: Any) -> bool:
    try:
        return isinstance(text, str) and Requirement(text).url is None
    except InvalidRequirement:
        return False


class Backends:
    """The answers for one interpreter and its sources (``context``), in a file of the user's cache folder.

    ``ask`` resolves requirements to ``name==version`` of all that they take, None where that can't be; ``installed``
    are the versions in the environment, with which it is built where no index can be asked. Safe to use from many
    threads: each question is asked once.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[str]], Sequence[str] | None],
        installed: Mapping[str, str],
        context: Iterable[str],
        environ: Mapping[str, str],
    ) -> None:
        self._ask = ask
        self._installed = installed
        self._context = "\n".join(context)
        self._path = cache.cache_folder(environ) / "backends-v1.json"
        self._stored = {key: row for key, row in cache.load(self._path).items() if _is_row(row)}
        self._guard = Lock()

    def versions(self, requires: Sequence[str]) -> tuple[str, ...]:
        """``name==version`` of what a build takes that wants ``requires``, sorted."""
        if not requires:
            return ()
        text = "\n".join([*sorted(requires), "", self._context])
        key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        with self._guard:
            known = self._stored.get(key)
            if known is not None and 0 <= time.time() - known[0] < _HOLDS_S:
                return tuple(known[1])
            found = self._ask(requires)
            if found is not None:
                self._keep(key, sorted(found))
                return tuple(sorted(found))
        return tuple(known[1]) if known is not None else self._here(requires)

    def _keep(self, key: str, found: list[str]) -> None:
        oldest = time.time() - _KEPT_S
        self._stored = {name: row for name, row in self._stored.items() if row[0] > oldest}
        self._stored[key] = [time.time(), found]
        cache.save(self._path, self._stored)

    def _here(self, requires: Sequence[str]) -> tuple[str, ...]:
        names = {canonical(Requirement(text).name) for text in requires}
        return tuple(f"{name}=={self._installed[name]}" for name in sorted(names & self._installed.keys()))


def _is_row(row: Any) -> bool:
    return cache.is_row(row, (int, float), list) and all(isinstance(text, str) for text in row[1])
