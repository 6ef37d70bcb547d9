"""Locks of wheels that a test has made, written directly: no index is asked and nothing is scanned."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from fastenv._core import compute_env_id

__all__ = ["Interpreter", "Row", "here", "interpreter_at", "lock_text", "restate"]

_QUESTION = """
import json, platform, sys, sysconfig
build = ", ".join(platform.python_build()) + "; " + platform.python_compiler()
soabi = sysconfig.get_config_var("SOABI")
print(json.dumps([sys.implementation.name, platform.python_version(), soabi, build]))
"""


@dataclass(frozen=True)
class Interpreter:
    """What a lock says of the interpreter."""

    implementation: str
    version: str
    soabi: str
    build: str
    executable: str | None


@dataclass(frozen=True)
class Row:
    """One package: a wheel, and what the lock is to say of it. None: what is true, or nothing."""

    wheel: Path
    url: str | None = None
    path: str | None = None
    name: str | None = None
    version: str | None = None
    sha256: str | None = None
    size: int | None = None
    files_digest: str | None = None
    requested: bool = False
    direct_url: str | None = None

    def but(self, **changes: object) -> Row:
        """This row, saying something else."""
        return replace(self, **changes)  # type: ignore[arg-type]


def here() -> Interpreter:
    """The interpreter that runs the tests: its base, if that is a virtual environment."""
    return interpreter_at(str(getattr(sys, "_base_executable", sys.executable)))


@lru_cache
def interpreter_at(executable: str) -> Interpreter:
    """What an interpreter says of itself."""
    asked = subprocess.run([executable, "-I", "-c", _QUESTION], capture_output=True, check=True, text=True)
    implementation, version, soabi, build = json.loads(asked.stdout)
    return Interpreter(implementation, version, soabi, build, executable)


def lock_text(
    rows: Iterable[Row],
    *,
    contested: Mapping[str, tuple[str, list[str]]] | None = None,
    interpreter: Interpreter | None = None,
    arch: str = "x86_64",
    glibc: str | None = None,
    sort: bool = True,
) -> str:
    """A lock of these rows; ``contested``: install path to (winner, claimants). ``sort=False`` keeps their order."""
    facts = interpreter or here()
    series = ".".join(facts.version.split(".")[:2])
    tables = [_package(row) for row in rows]
    parts = [
        f'lock-version = "1.0"\nrequires-python = "=={series}.*"\ncreated-by = "fastenv"\n',
        *(sorted(tables) if sort else tables),
        '[tool.fastenv]\nformat = 1\nenv-id = ""\ncreated-with = "0.1.0"\n',
        _table("[tool.fastenv.platform]", {"os": "linux", "arch": arch, "glibc": glibc}),
        _table("[tool.fastenv.interpreter]", vars(facts)),
    ]
    for path, (winner, claimants) in sorted((contested or {}).items()):
        values = {"path": path, "winner": winner, "claimants": claimants}
        parts.append(_table("[[tool.fastenv.contested]]", values))
    if not tables:
        parts[0] += "packages = []\n"
    return restate("\n".join(parts))


def restate(text: str) -> str:
    """The text with the env id that its content has."""
    return re.sub(r'(?m)^env-id = ".*"$', f'env-id = "{compute_env_id(text)}"', text)


def _package(row: Row) -> str:
    stem = row.wheel.name.split("-")
    content = row.wheel.read_bytes()
    place = ("path", row.path) if row.path else ("url", row.url)
    size = len(content) if row.size is None else row.size
    digest = row.sha256 or hashlib.sha256(content).hexdigest()
    values = {
        "name": row.name or re.sub(r"[-_.]+", "-", stem[0]).lower(),
        "version": row.version or stem[1],
    }
    tool = {
        "origin": "local" if row.path else "index",
        "requested": row.requested,
        "layer": "env",
        "files-digest": row.files_digest,
        "direct-url": row.direct_url,
    }
    wheel = (
        f"{{ name = {_value(row.wheel.name)}, {place[0]} = {_value(place[1])}, size = {size}, "
        f'hashes = {{ sha256 = "{digest}" }} }}'
    )
    return (
        _table("[[packages]]", values) + f"wheels = [{wheel}]\n\n" + _table("[packages.tool.fastenv]", tool)
    )


def _table(head: str, values: Mapping[str, object]) -> str:
    rows = [f"{key} = {_value(value)}\n" for key, value in values.items() if value is not None]
    return f"{head}\n{''.join(rows)}"


def _value(value: object) -> str:
    """JSON's strings, numbers, booleans and lists of strings are TOML's, too."""
    return json.dumps(value, ensure_ascii=False)
