"""Where nodes get the wheel of an index: from there, with a login of their own, or beside the lock."""

from __future__ import annotations

from dataclasses import dataclass

from fastenv.lock.carried import carried_path
from fastenv.lock.naming import Naming
from fastenv.lock.pins import Candidate
from fastenv.lock.sources import redact

__all__ = ["Place", "place_of"]


@dataclass(frozen=True)
class Place:
    """The fields of a ``LockedPackage`` that tell it. ``travels``: whether the bytes go with the lock."""

    origin: str
    url: str | None = None
    path: str | None = None
    index: str | None = None
    index_name: str | None = None
    index_path: str | None = None
    travels: bool = False


def place_of(wheel: Candidate, private: str | None, naming: Naming | None) -> Place:
    """``private`` says why its index is not public, if so; ``naming`` is given where nodes have logins."""
    source = wheel.source
    if private is None:
        index = None if source is None or source.is_direct else source.shown
        return Place("index", url=redact(wheel.url), index=index)
    # PEP 751 wants one of url and path: the latter says where the bytes would lie if they were brought along
    path = carried_path(wheel)
    named = None if naming is None else naming.wheel(wheel, private)
    if named is not None:
        return Place("index", path=path, index_name=named.index, index_path=named.path)
    return Place("local", path=path, index_name=None if source is None else source.name, travels=True)
