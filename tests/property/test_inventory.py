"""Laws of the inventory file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastenv.exceptions import ScanError
from fastenv.scan.inventory import FORMAT, Inventory

inventories = st.builds(Inventory, format=st.just(FORMAT))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=25, deadline=None)
@given(inventories)
def test_json_round_trip(inventory: Inventory) -> None:
    """Whatever a scan found, the file gives it back, and writing it again gives the same text."""
    text = inventory.to_json()
    assert Inventory.from_json(text) == inventory
    assert Inventory.from_json(text).to_json() == text
    assert text.isascii()


@settings(max_examples=25, deadline=None)
@given(inventories, st.data())
def test_a_damaged_field_is_refused(inventory: Inventory, data: st.DataObject) -> None:
    """A field of another type, an unknown one and a missing one are errors of scan, never
    others."""
    value = json.loads(inventory.to_json())
    field = data.draw(st.sampled_from(sorted(value.keys() - {"format"})))
    damage = data.draw(st.sampled_from(["replace", "drop", "add"]))
    if damage == "replace":
        value[field] = 3.5
    elif damage == "drop":
        del value[field]
    else:
        value[f"{field}-more"] = value[field]
    with pytest.raises(ScanError):
        Inventory.from_json(json.dumps(value))


@given(json_values)
def test_any_other_json_is_refused(value: object) -> None:
    """No JSON but an inventory is one, and the error is one of scan."""
    with pytest.raises(ScanError):
        Inventory.from_json(json.dumps(value), path="inventory.json")


@given(st.text())
def test_any_text_gives_an_inventory_or_a_scan_error(text: str) -> None:
    """No text whatever raises anything else."""
    with pytest.raises(ScanError):
        Inventory.from_json(text)
