"""The platform that a lock is for, and the interpreter that uv is to choose wheels for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

from packaging.utils import parse_wheel_filename

from fastenv.exceptions import LockError
from fastenv.lock.lockfile import LockedPlatform
from fastenv.lock.pins import Target
from fastenv.scan.inventory import Inventory

__all__ = ["glibc_floor", "locked_platform", "target_of"]

# PEP 600: what the older names stand for
_OLDER = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_UV_KNOWS = (17, 28, *range(31, 41))  # minor numbers of glibc in uv's names of platforms


def locked_platform(inventory: Inventory, filenames: Iterable[str]) -> LockedPlatform:
    """The scanned platform; its glibc is the oldest that every one of the wheels accepts."""
    floor = glibc_floor(filenames)
    glibc = None if floor is None else f"{floor[0]}.{floor[1]}"
    return LockedPlatform(inventory.platform.os, inventory.platform.arch, glibc)


def glibc_floor(filenames: Iterable[str]) -> tuple[int, int] | None:
    """The highest glibc that a wheel asks for; None if none asks.

    A wheel with several tags asks for the lowest of them (PEP 600); one that is plain ``linux_x86_64`` does
    not say what it asks for.
    """
    floors = [floor for floor in map(_floor, filenames) if floor is not None]
    return max(floors, default=None)


def _floor(filename: str) -> tuple[int, int] | None:
    asked = [_glibc(tag.platform) for tag in parse_wheel_filename(filename)[3]]
    return None if None in asked else min((glibc for glibc in asked if glibc), default=None)


def _glibc(platform: str) -> tuple[int, int] | None:
    if match := re.match(r"manylinux_(\d+)_(\d+)_", platform):
        return int(match[1]), int(match[2])
    return _OLDER.get(platform.partition("_")[0])


def target_of(inventory: Inventory) -> Target:
    """The scanned interpreter itself where it is on this machine; else one like it."""
    facts, platform = inventory.interpreter, inventory.platform
    if facts is None:
        raise LockError("the environment has no python, so no wheels can be found for it")
    if os.access(facts.executable, os.X_OK):
        return Target(facts.executable, facts.version, "")
    minor = int([*platform.libc_version.split("."), "17"][1] or 17)
    known = max((number for number in _UV_KNOWS if number <= minor), default=_UV_KNOWS[0])
    return Target(sys.executable, facts.version, f"{platform.arch}-manylinux_2_{known}")
