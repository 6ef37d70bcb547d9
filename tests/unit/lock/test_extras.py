"""Which extra packages hold for an environment, and whether a lock has them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from tests.unit.lock.inventories import inventory

from fastenv.lock import Lock
from fastenv.lock.check import _extras
from fastenv.lock.lockfile import LockedPackage
from fastenv.settings import Rules


def locked(*pins: str) -> Lock:
    """A lock with these extra packages and nothing else."""
    rows = [
        LockedPackage(name, version, "x.whl", "0" * 64, requested=True, extra=True)
        for name, version in (pin.split("==") for pin in pins)
    ]
    return cast("Lock", SimpleNamespace(packages=rows))


def differing(lock: Lock, *extra: str) -> list[str]:
    return [it.name for it in _extras(Rules(extra=extra), lock, inventory())]


def test_an_extra_of_another_python() -> None:
    """It is neither locked nor missing; of several lines for one name each counts."""
    assert differing(locked("a==1.0"), "a", "b; python_version < '3'") == []
    lines = ("a<2; python_version >= '3.11'", "a>=2; python_version < '3.11'")
    assert differing(locked("a==1.0"), *lines) == differing(locked("a==1.0"), *reversed(lines)) == []
    assert differing(locked("a==1.0"), "a<2", "a>1", "b") == ["a", "b"]
    assert differing(locked("a==1.0"), "a; python_version < '3'") == ["a"]
