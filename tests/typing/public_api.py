"""What the types promise to those who use them: checked by mypy, never run."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import assert_type

import fastenv
from fastenv import Difference, Event, Finding, Inventory, Lock, Report, Why


def hear(event: Event) -> None:
    assert_type(event.kind, str)
    assert_type(event.done_bytes, int)


def the_whole_way() -> None:
    inventory = fastenv.scan(python="/usr/bin/python3", layers="env")
    assert_type(inventory, Inventory)
    lock = fastenv.lock(inventory, output="pylock.fastenv.toml", on_event=hear)
    assert_type(lock, Lock)
    report = fastenv.materialize(lock, root=Path("/scratch"), link_mode="copy", on_event=hear)
    assert_type(report, Report)
    assert_type(report.prefix, Path)
    assert_type(fastenv.verify(report.prefix, full=True), tuple[Finding, ...])
    assert_type(fastenv.env_id(lock), str)
    assert_type(fastenv.node_program(), Path)
    assert_type(fastenv.diff(inventory, lock), tuple[Difference, ...])
    assert_type(fastenv.check_lock(lock, inventory), tuple[Difference, ...])
    assert_type(fastenv.why("numpy", inventory, lock=lock), tuple[Why, ...])


def values_are_frozen(event: Event, lock: Lock) -> None:
    event.kind = "done"  # type: ignore[misc]
    lock.text = ""  # type: ignore[misc]


def mistakes() -> None:
    fastenv.scan(layers="some")  # type: ignore[arg-type]
    fastenv.materialize("pylock.toml", link_mode="soft")  # type: ignore[arg-type]
    fastenv.verify()  # type: ignore[call-arg]
