"""Wheels that travel with the lock, because no index gives them to every node.

Beside the lock: ``pylock.fastenv.d/<sha256>/<wheel name>``. Bytes are written only once their sha256 agrees.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fastenv.exceptions import ArtifactError, FileSystemError, NetworkError
from fastenv.lock.pins import Candidate
from fastenv.lock.sources import file_path, redact
from fastenv.lock.transport import Transport

__all__ = ["FOLDER", "carried_path", "carry"]

FOLDER = "pylock.fastenv.d"
_BLOCK = 1 << 20
_THREADS = 8


def carried_path(wheel: Candidate) -> str:
    """The path of a wheel that travels, relative to the lock, as the lock states it."""
    return f"{FOLDER}/{wheel.sha256}/{wheel.filename}"


def carry(
    wheels: Sequence[Candidate],
    folder: Path,
    transport: Transport,
    on_carried: Callable[[Candidate], object] = lambda _: None,
) -> None:
    """Bring each wheel to its place below ``folder``, the lock's own; one that is there already stays.

    ``on_carried`` is called for each, from this thread. Raises ArtifactError for bytes of another sha256,
    NetworkError, FileSystemError where ``folder`` can't be written.
    """

    def bring(wheel: Candidate) -> None:
        target = folder / carried_path(wheel)
        if not _is_there(target, wheel):
            _write(target, wheel, transport)

    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            for wheel, _ in zip(wheels, pool.map(bring, wheels), strict=True):
                on_carried(wheel)
    finally:
        _remove_if_empty(folder / FOLDER)


def _is_there(target: Path, wheel: Candidate) -> bool:
    try:
        with target.open("rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileSystemError(f"{target} cannot be read: {error.strerror}", path=str(target)) from error
    return digest.hexdigest() == wheel.sha256


def _write(target: Path, wheel: Candidate, transport: Transport) -> None:
    partial: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            digest = hashlib.sha256()
            for block in _blocks(wheel, transport):
                digest.update(block)
                stream.write(block)
        _check(wheel, digest.hexdigest())
        os.chmod(partial, 0o644)
        os.replace(partial, target)
    except OSError as error:
        raise FileSystemError(f"{target} cannot be written: {error.strerror}", path=str(target)) from error
    finally:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
            _remove_if_empty(target.parent)


def _check(wheel: Candidate, found: str) -> None:
    if found != wheel.sha256:
        raise ArtifactError(
            f"{redact(wheel.url)} has sha256 {found}, its index says {wheel.sha256}",
            path=wheel.filename,
            hint="the index or a proxy gives damaged files; try again, or ask whoever runs it",
        )


def _blocks(wheel: Candidate, transport: Transport) -> Iterator[bytes]:
    local = file_path(wheel.url)
    if local is not None:
        with local.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block
        return
    with transport.request(wheel.url) as answer:
        length, got = answer.headers.get("Content-Length", ""), 0
        while block := answer.read(_BLOCK):
            got += len(block)
            yield block
    if length.isdigit() and got < int(length):
        raise NetworkError(f"{redact(wheel.url)} ended after {got} of {length} bytes")


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
