"""From a Lock to an environment on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fastenv import _core
from fastenv.exceptions import NodeUnfitError
from fastenv.node_program import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastenv._core import Report
    from fastenv.event import OnEvent
    from fastenv.lock import Lock

__all__ = ["LinkMode", "materialize"]

LinkMode = Literal["auto", "hardlink", "reflink", "copy"]


def materialize(
    lock: Lock | str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    prefix: str | os.PathLike[str] | None = None,
    python: str | os.PathLike[str] | None = None,
    link_mode: LinkMode = "auto",
    jobs: int | None = None,
    connections: int | None = None,
    durable: bool = False,
    strict: bool = False,
    allow_missing_libs: bool | Iterable[str] = False,
    compile: bool | None = None,  # noqa: A002 # as pip's option is called
    timeline: str | os.PathLike[str] | None = None,
    override_virtual: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
) -> Report:
    """Make the environment that a lock describes, or find it made.

    Every artifact's sha256 is checked before anything of it is published, and the environment appears whole
    or not at all. Ctrl-C leaves nothing behind but what was fetched whole.

    Args:
        lock: a Lock, or the path of a lock file.
        root: the store's folder; default: the first of $FASTENV_ROOT, else one on the best local disk.
        prefix: where the environment goes, absent, empty or made by fastenv; default: in the store.
        python: the interpreter to build on; default: the lock's hint, else one that is found.
        link_mode: how files come out of the store; "auto" takes the first of hardlink, reflink, copy that
            works between the two folders.
        jobs: threads that unpack and link; default: one a processor.
        connections: connections to indexes at once; default: 32.
        durable: write everything to disk before the environment appears.
        strict: take another build of the same interpreter for an error, not a warning.
        allow_missing_libs: go on, with a warning each, where this node lacks libraries of the system that the
            environment needs and was scanned with: True for all of them, or their names (``["libX11.so.6"]``).
        compile: True makes the byte code that is missing and waits for it, False neither links nor makes any;
            default: what the store has is linked, and a process in the background makes the rest.
        timeline: where to write a page for a browser that shows what was done when; also if the run fails.
        override_virtual: what the node has, where it is not what is found, as conda's CONDA_OVERRIDE_CUDA:
            {"__cuda": "12.4"}; an empty text means that it has none.
        on_event: called from this thread with each Event, at most some 20 times a second.

    Raises:
        LockFormatError: the lock is no good.
        ArtifactError: an artifact is not what was locked.
        NodeUnfitError: another platform, no fitting interpreter, not what conda packages want of a node, or without
            libraries that the environment needs.
        FileSystemError: the store or the prefix cannot be written, or the prefix is not ours.
        NetworkError: an index does not give what the lock names.
        ValueError: link_mode or override_virtual is none, or a name in allow_missing_libs; jobs or connections is
            less than 1.
    """
    from fastenv.lock import Lock

    for name, count in (("jobs", jobs), ("connections", connections)):
        if count is not None and count < 1:
            raise ValueError(f"{name} is {count}: at least 1 is needed, or None for the default")
    held = lock if isinstance(lock, Lock) else Lock.read(lock)
    return _core.materialize(
        held.text,
        str(Path.cwd() if held.path is None else Path(held.path).absolute().parent),
        str(held.path or "the lock"),
        root=_path(root),
        prefix=_path(prefix),
        python=_path(python),
        link_mode=link_mode,
        jobs=jobs,
        connections=connections,
        durable=durable,
        strict=strict,
        allow_missing_libs=_names(allow_missing_libs),
        compile=compile,
        program=_program(),
        timeline=_path(timeline),
        overrides=[f"{name}={value}" for name, value in (override_virtual or {}).items()],
        on_event=on_event,
    )


def _names(allowed: bool | Iterable[str]) -> list[str]:  # noqa: FBT001 # what ``materialize`` takes
    """The names as the core takes them."""
    if isinstance(allowed, bool):
        return ["*"] if allowed else []
    return [allowed] if isinstance(allowed, str) else list(allowed)


def _program() -> str | None:
    try:
        return find()
    except NodeUnfitError:
        return None  # byte code then comes as it always did, with the first import


def _path(given: str | os.PathLike[str] | None) -> str | None:
    return None if given is None else os.fspath(given)
