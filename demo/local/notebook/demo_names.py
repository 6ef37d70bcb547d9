"""A loose module, as it lies beside a notebook: no package has it. It reads the file beside it."""

from __future__ import annotations

from pathlib import Path

NAMES = Path(__file__).with_name("demo_names.txt")


def name_of(group: int) -> str:
    """What a group is called."""
    names = NAMES.read_text(encoding="utf-8").split()
    return names[group % len(names)]
