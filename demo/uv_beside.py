"""`uv pip sync` of the same lock, in the same run: cold, warm, and once more."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uv
from chart import Row

if TYPE_CHECKING:
    from rich.console import Console

    import fastenv

__all__ = ["UvBeside"]


class UvBeside:
    """uv with a cache of its own, which is empty at the start."""

    def __init__(self, lock: fastenv.Lock, run: Path, console: Console) -> None:
        self._lock = lock
        self._run = run
        self._console = console
        self._environ = {
            **os.environ,
            "UV_CACHE_DIR": str(run / "uv-cache"),
            "UV_LINK_MODE": "hardlink",
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
        }

    def rows(self, python: Path) -> list[Row]:
        """A row for each stage that uv was asked for; none if it cannot use the lock."""
        self._console.print("[bold cyan]==>[/] uv pip sync of the same lock")
        rows = []
        for stage, name, new in (
            ("cold, node-1", "uv-cold", True),
            ("warm, new prefix", "uv-warm", True),
            ("there already", "uv-warm", False),
        ):
            seconds = self._sync(self._run / name, python, new=new)
            if seconds is None:
                break
            rows.append(Row(stage, "uv", seconds))
        return rows

    def _sync(self, prefix: Path, python: Path, *, new: bool) -> float | None:
        started = time.perf_counter()
        asked = [["venv", "--quiet", "--python", python, prefix]] if new else []
        asked.append(["pip", "sync", "--quiet", "--python", prefix, self._lock.path])
        for arguments in asked:
            command = [uv.find_uv_bin(), *arguments]
            done = subprocess.run(command, env=self._environ, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                self._console.print(f"    uv could not: {done.stderr.strip()}", markup=False)
                return None
        return time.perf_counter() - started
