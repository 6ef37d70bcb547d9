"""Real wheels, kept from run to run in a cache folder, which is filled from the index that pip is set up for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

__all__ = ["is_resolved", "pinned", "resolved"]


def pinned(pins: Path, name: str, *, without: Collection[str] = ()) -> list[Path]:
    """The wheels of a file of pins (``name==version``), fitting this interpreter, sorted by file name.

    Those of the projects ``without`` are left out, and not fetched.
    """
    all_of_it = {_pin(line) for line in pins.read_text().splitlines() if "==" in line}
    wanted = {pin for pin in all_of_it if pin[0] not in without}
    folder = cache(name)
    missing = wanted - set(_fitting(folder))
    if missing:
        lines = [f"{project}=={version}" for project, version in sorted(missing)]
        _download(folder, ["--no-deps", *lines])
    found = _fitting(folder)
    return sorted(found[pin] for pin in wanted)


def resolved(requirements: Path, name: str) -> list[Path]:
    """The wheels of a file of requirements and of all that they require."""
    folder = cache(name)
    mark = folder / "requirements.txt"
    if not is_resolved(requirements, name):
        for wheel in folder.glob("*.whl"):
            wheel.unlink()
        _download(folder, ["-r", str(requirements)])
        mark.write_text(requirements.read_text())
    return sorted(_fitting(folder).values())


def is_resolved(requirements: Path, name: str) -> bool:
    """Whether the wheels of these requirements are here already."""
    mark = cache(name) / "requirements.txt"
    return mark.exists() and mark.read_text() == requirements.read_text()


def cache(name: str) -> Path:
    """The folder that keeps the wheels of a set."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "fastenv-tests", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download(folder: Path, what: list[str]) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    subprocess.run([*pip, "--only-binary", ":all:", "--dest", str(folder), *what], check=True)


def _pin(line: str) -> tuple[str, str]:
    project, _, version = re.sub(r"[\s;#].*", "", line).partition("==")
    return canonicalize_name(re.sub(r"\[.*", "", project)), version


def _fitting(folder: Path) -> dict[tuple[str, str], Path]:
    tags = set(sys_tags())
    found: dict[tuple[str, str], Path] = {}
    for path in folder.glob("*.whl"):
        project, version, _, wheel_tags = parse_wheel_filename(path.name)
        if tags & wheel_tags:
            found[project, str(version)] = path
    return found
