"""An index that is not public as a lock names it: as a value, and as a table of TOML.

What may stand in it the core checks (rust/lock/named.rs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NamedIndex", "named_from_table", "named_to_table", "variable"]


@dataclass(frozen=True)
class NamedIndex:
    """``name`` is what a node's settings call it; ``url`` is without a login, None if it is a secret itself."""

    name: str
    url: str | None = None


def variable(name: str) -> str:
    """How the name stands in names of variables: ``MY_INDEX`` for ``my-index``, as uv has it."""
    return "".join(letter.upper() if letter.isascii() and letter.isalnum() else "_" for letter in name)


def named_from_table(row: Mapping[str, Any]) -> NamedIndex:
    """The row of ``[[tool.fastenv.indexes]]``. Raises ValueError with what is wrong, without a place."""
    name, url = row.get("name"), row.get("url")
    if not isinstance(name, str):
        raise ValueError("name is missing")
    if url is not None and not isinstance(url, str):
        raise ValueError(f"{name}: url is {type(url).__name__}, not str")
    return NamedIndex(name, url)


def named_to_table(row: NamedIndex) -> dict[str, Any]:
    """Keys and values in the order of the file."""
    return {"name": row.name, "url": row.url}
