"""The sets of wheels that may be measured; each is fetched once from the index that pip is set up for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab.sets import is_resolved, pinned, resolved

__all__ = ["SETS", "is_there", "wheels_of"]

SETS = ("ds", "demo", "small", "torch")
ROOT = Path(__file__).resolve().parents[2]


def wheels_of(name: str) -> Sequence[Path]:
    """The wheels of a set, fetched if they are not there. ``small`` is for trying a bench, not for figures."""
    if name == "ds":
        return pinned(ROOT / "benches/sets/ds.txt", name)
    if name == "small":
        return pinned(ROOT / "tests/campaign/wheels.txt", "campaign")
    return resolved(_requirements(name), name)


def is_there(name: str) -> bool:
    """Whether they have been fetched before."""
    return is_resolved(_requirements(name), name)


def _requirements(name: str) -> Path:
    return ROOT / ("demo/requirements.txt" if name == "demo" else f"benches/sets/{name}.txt")
