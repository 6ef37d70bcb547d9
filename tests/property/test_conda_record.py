"""Laws of reading conda's records: whatever stands in one, it is told and not stumbled over."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fastenv.scan import Inventory, scan
from fastenv.scan.conda_record import CondaRecord, read_record
from fastenv.scan.inventory import FORMAT

SOUND: dict[str, Any] = {
    "name": "x",
    "version": "1.0",
    "build": "0",
    "build_number": 0,
    "subdir": "noarch",
    "noarch": "python",
    "fn": "x-1.0-0.conda",
    "url": "https://channel.example/main/noarch/x-1.0-0.conda",
    "channel": "https://channel.example/main",
    "sha256": "a" * 64,
    "md5": "b" * 32,
    "size": 10,
    "depends": ["python", "__glibc >=2.17"],
    "requested_specs": ["x"],
    "requested_spec": "None",
    "files": ["lib/x.py"],
    "paths_data": {"paths": [{"_path": "lib/x.py", "path_type": "hardlink", "sha256": "c" * 64}]},
    "link": {"source": "/pkgs/x-1.0-0", "type": 1},
    "python_site_packages_path": "lib/python3.13t/site-packages",
}
words = st.text(max_size=8) | st.sampled_from(
    ["../x", "/etc", "a/b", "\ud800", "x\0y", "\n", "None", "noarch", ""]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SOUND, "_path", "paths"]), inner)
    ),
    max_leaves=6,
)
changes = st.dictionaries(st.sampled_from([*SOUND]), values, max_size=4)


def read(folder: Path, table: object) -> CondaRecord | tuple[str, ...]:
    path = folder / "conda-meta/x-1.0-0.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(table))
    return read_record(str(path))


def test_a_sound_record(tmp_path: Path) -> None:
    record = read(tmp_path, SOUND)
    assert isinstance(record, CondaRecord)
    assert record.package.problems == ()


@given(changes)
@settings(max_examples=300, deadline=None)
def test_any_record_can_be_read(changed: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        record = read(Path(name), {**SOUND, **changed})
        if not isinstance(record, CondaRecord):
            assert record
            return
        package = record.package
        assert "/" not in package.file_name or package.problems
        assert ".." not in package.file_name or package.problems
        for file in record.files:
            inside = os.path.normpath(f"{name}/{file.path}")
            assert inside == name or inside.startswith(f"{name}/")


@given(changes)
@settings(max_examples=60, deadline=None)
def test_any_prefix_can_be_scanned(changed: dict[str, Any]) -> None:
    """And the inventory comes back from its JSON."""
    with tempfile.TemporaryDirectory() as name:
        read(Path(name), {**SOUND, **changed})
        inventory = scan(prefix=name, environ={})
        assert Inventory.from_json(inventory.to_json()) == inventory
        assert replace(inventory, format=FORMAT) == inventory


@given(st.binary(max_size=40) | st.just(b"[" * 100_000))
@settings(max_examples=60, deadline=None)
def test_what_is_no_record(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "x-1.0-0.json")
        path.write_bytes(content)
        assert isinstance(read_record(str(path)), tuple)
