"""What others on a machine can see of a program while it runs: command lines and environments, from /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Sight", "watching"]

_PAUSE_S = 0.002


@dataclass
class Sight:
    """One process that was seen, and each pair of command line and environment that it had."""

    pid: int
    parent: int
    views: set[tuple[bytes, bytes]] = field(default_factory=set)

    def look(self) -> None:
        """Note what there is to be seen now; a pair only if no other program was begun meanwhile."""
        folder = Path(f"/proc/{self.pid}")
        try:
            command, environ = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            if command == (folder / "cmdline").read_bytes():
                self.views.add((command, environ))
        except OSError:
            return


@contextmanager
def watching() -> Iterator[dict[int, Sight]]:
    """All descendants of this process that begin while the block runs, by process id."""
    seen: dict[int, Sight] = {}
    over = threading.Event()
    known = {pid for pid, _ in _descendants()}

    def look() -> None:
        while not over.wait(_PAUSE_S):
            for pid, parent in _descendants():
                if pid not in known:
                    seen.setdefault(pid, Sight(pid, parent)).look()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _descendants() -> Iterator[tuple[int, int]]:
    """Process ids below this one, each with its parent's."""
    waiting = [os.getpid()]
    while waiting:
        parent = waiting.pop()
        for task in _listed(f"/proc/{parent}/task"):
            try:
                children = Path(f"/proc/{parent}/task/{task}/children").read_text()
            except OSError:
                continue
            for child in children.split():
                yield int(child), parent
                waiting.append(int(child))


def _listed(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return []
