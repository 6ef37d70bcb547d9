"""A bench, run once for a test: what it shows and what it keeps."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.lab import run

__all__ = ["Measured", "measure"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Measured:
    """The lines of the table, what was said besides, and the results as they were kept."""

    head: str
    lines: list[str]
    told: str
    results: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What was kept of each row; each was measured."""
        rows: list[dict[str, Any]] = self.results["rows"]
        assert all(row["why"] is None and row["rounds"] for row in rows), (rows, self.told)
        return rows


def measure(folder: Path, module: str, name: str, *options: str) -> Measured:
    """Run the bench ``module`` for one round; ``name`` is that of its results. No path of ``folder`` is in them."""
    kept = folder / "results"
    command = [sys.executable, "-m", module, "--rounds", "1", "--patience", "0", "--results", str(kept)]
    room = {**os.environ, "FASTENV_BENCH_DIR": str(folder / "room")}
    ended = run([*command, *options], env=room, cwd=ROOT, timeout=300)
    # 1: a limit was passed, which says little where others run too.
    assert ended.code in (0, 1), ended.err
    (path,) = kept.glob(f"*-{name}.json")
    text = path.read_text(encoding="utf-8")
    assert str(folder) not in text
    head, *lines = ended.out.splitlines()
    return Measured(head, lines, ended.err, json.loads(text))
