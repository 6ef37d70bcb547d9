"""The processes that work on one store, whoever started them: found by what they were told and what they hold open."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

__all__ = ["kill", "of_store", "wait_for_end"]


def of_store(root: Path) -> set[int]:
    """Ids of all processes that have ``root`` in their command line or hold a file below it, and their children."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it may end while it is looked at
            parents[int(folder.name)] = _parent(folder)
            if _names(folder, os.fsencode(root)) or _holds(folder, str(root)):
                found.add(int(folder.name))
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found


def kill(processes: set[int]) -> None:
    """kill -9, of those that are still there; returns when they hold nothing any more."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    while any(_holds_on(Path("/proc", str(process))) for process in processes):
        time.sleep(0.002)


def _holds_on(folder: Path) -> bool:
    """Whether a killed process still has files open: its first thread may be dead before the others are."""
    try:
        return len(list((folder / "task").iterdir())) > 1 or _state(folder)[0] != "Z"
    except OSError:
        return False


def wait_for_end(root: Path, *, timeout: float = 120) -> None:
    """Waits until nothing works on the store: byte code is made when the program has long ended."""
    ends = time.monotonic() + timeout
    while left := of_store(root):
        assert time.monotonic() < ends, f"still at work: {left}"
        time.sleep(0.02)


def _parent(folder: Path) -> int:
    state, parent = _state(folder)
    if state == "Z":
        raise ProcessLookupError(folder.name)
    return int(parent)


def _state(folder: Path) -> tuple[str, str]:
    state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
    return state, parent


def _names(folder: Path, root: bytes) -> bool:
    words = (folder / "cmdline").read_bytes().split(b"\0")
    return any(word == root or word.startswith(root + b"/") for word in words)


def _holds(folder: Path, root: str) -> bool:
    return any(str(file.readlink()).startswith(root + "/") for file in (folder / "fd").iterdir())
