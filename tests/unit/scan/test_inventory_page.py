"""docs/inventory.md names every field, and its example is an inventory."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

from fastenv.scan import inventory
from fastenv.scan.inventory import Inventory

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "inventory.md").read_text()


def test_the_example_can_be_read() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    interpreter = Inventory.from_json(example).interpreter
    assert interpreter is not None
    assert interpreter.is_venv


def test_every_field_is_described() -> None:
    kinds = [getattr(inventory, name) for name in inventory.__all__]
    named = {field.name for kind in kinds if is_dataclass(kind) for field in fields(kind)}
    assert named == {name for name in named if f"`{name}`" in PAGE}
