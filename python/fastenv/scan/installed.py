"""A distribution together with what a scan needs of it and an inventory does not keep."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from fastenv.scan.inventory import Distribution
    from fastenv.scan.record import Record

__all__ = ["Installed", "canonical", "is_name", "is_version", "same_version"]

# https://packaging.python.org/en/latest/specifications/name-normalization/
_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE | re.ASCII)
_RUN = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution, its RECORD if there is one, and top-level names that it owns without."""

    distribution: Distribution
    record: Record | None
    trees: tuple[str, ...] = ()


def canonical(name: str) -> str:
    """The normalized form of a name (PEP 503)."""
    return _RUN.sub("-", name).lower()


def is_name(text: str) -> bool:
    """Whether ``text`` may be the name of a distribution (PEP 508)."""
    return _NAME.fullmatch(text) is not None


@cache
def is_version(text: str) -> bool:
    """Whether ``text`` is a version (PEP 440)."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def same_version(one: str, other: str) -> bool:
    """Whether two spellings mean one version (PEP 440); anything else is compared as text."""
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False
