"""Running the build backend of a project: ``uv build --wheel`` on a copy of its tree.

The backend's own requirements come from the indexes of the lock. Where these can't be had and the environment has
them installed, it is built with those.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BuildFailed", "Builder", "pretended_version"]

_UNRESOLVED = re.compile(
    r"Failed to (?:resolve|install) requirements from|No solution found when resolving|error sending request"
    r"|Failed to fetch|Network connectivity is disabled"
)
_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[^\s;]+", re.MULTILINE)
_SHOWN_LINES = 20


class BuildFailed(Exception):
    """The project could not be built; the message is short, ``log`` has all that was said."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log

    @property
    def last_words(self) -> str:
        """The end of the log, which mostly has the reason."""
        lines = [line.rstrip() for line in self.log.splitlines() if line.strip()]
        return "\n".join(f"    | {line}" for line in lines[-_SHOWN_LINES:])


@dataclass
class Builder:
    """Runs builds; ``stop`` ends those that are under way.

    ``python`` is the interpreter to build for, ``options`` are uv's that say where requirements come from,
    ``timeout_s`` is the limit of each build.
    """

    uv: str
    python: str
    options: Sequence[str]
    environ: Mapping[str, str]
    timeout_s: float
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def build(
        self, project: Path, out: Path, variables: Mapping[str, str], backend: Iterable[str] = ()
    ) -> Path:
        """The wheel of ``project``, made in the folder ``out`` with these versions of its ``backend``. Raises
        BuildFailed.
        """
        out.mkdir(parents=True, exist_ok=True)
        held = out / "backend.txt"
        held.write_text("".join(f"{version}\n" for version in backend), encoding="utf-8")
        words = ["build", "--wheel", "--out-dir", str(out), "--build-constraints", str(held), "--no-sources"]
        code, log = self._run([*words, str(project)], variables)
        if code and _UNRESOLVED.search(log):
            again, more = self._run([*words, "--no-build-isolation", str(project)], variables)
            code, log = (again, more) if again == 0 else (code, log)
        wheels = sorted(out.glob("*.whl"))
        if code or len(wheels) != 1:
            raise BuildFailed("its build failed" if code else "its build made no wheel", log)
        return wheels[0]

    def versions(self, requires: Sequence[str]) -> list[str] | None:
        """``name==version`` of all that these requirements of a build take; None if the indexes can't tell."""
        words = ["pip", "compile", "-", "--no-header", "--no-annotate", "--quiet"]
        try:
            code, told = self._run(words, {}, "".join(f"{text}\n" for text in requires))
        except BuildFailed:
            return None
        return _PINNED.findall(told) if code == 0 else None

    def stop(self) -> None:
        """End all builds that run."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _kill(process)

    def _run(
        self, words: Sequence[str], variables: Mapping[str, str], told: str | None = None
    ) -> tuple[int, str]:
        """The exit status of uv and all that it said; it is ``told`` something on its standard input."""
        command = [self.uv, *words, "--python", self.python, *self.options]
        command += ["--color", "never", "--no-progress"]
        with self._lock:
            if self._stopped:
                raise BuildFailed("its build was called off", "")
            process = subprocess.Popen(
                command,
                env={**self.environ, **variables},
                stdin=subprocess.DEVNULL if told is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # so that its compilers end with it
            )
            self._running.add(process)
        try:
            log, _ = process.communicate(told, timeout=self.timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            log, _ = process.communicate()
            raise BuildFailed(f"its build took more than {self.timeout_s:.0f} s", log) from None
        finally:
            with self._lock:
                self._running.discard(process)
        return process.returncode, log


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def pretended_version(name: str, version: str, settings: str) -> dict[str, str]:
    """The variables by which tools that make versions up from a repository are told ``version``.

    ``settings`` is the text of the project's settings: what has no name in it is given only to those whom it names.
    """
    word = re.sub(r"[-_.]+", "_", name).upper()
    found = {
        f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{word}": version,
        f"VCS_VERSIONING_PRETEND_VERSION_FOR_{word}": version,
    }
    for tool, variable in (
        ("hatch-vcs", "SETUPTOOLS_SCM_PRETEND_VERSION"),
        ("pdm", "PDM_BUILD_SCM_VERSION"),
        ("poetry-dynamic-versioning", "POETRY_DYNAMIC_VERSIONING_BYPASS"),
        ("uv-dynamic-versioning", "UV_DYNAMIC_VERSIONING_BYPASS"),
        ("pbr", "PBR_VERSION"),
    ):
        if tool in settings:
            found[variable] = version
    return found
