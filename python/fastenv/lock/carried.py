"""Wheels that travel with the lock, because no index gives them to every node.

Beside the lock: ``pylock.fastenv.d/<sha256>/<wheel name>``. Bytes are written only once their sha256 agrees.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fastenv.digest import sha256_of
from fastenv.exceptions import ArtifactError, FileSystemError, NetworkError
from fastenv.lock.at_once import each
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
    missing = [wheel for wheel in wheels if not _is_there(folder / carried_path(wheel), wheel)]
    with _arrivals(folder / FOLDER) as arrivals:
        for wheel, _ in each(lambda it: _bring(it, folder, arrivals, transport), missing, threads=_THREADS):
            on_carried(wheel)


@contextlib.contextmanager
def _arrivals(folder: Path) -> Iterator[Path]:
    """A folder for what is on its way; gone afterwards, whatever happens."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        arrivals = Path(tempfile.mkdtemp(dir=folder, prefix=".arriving-"))
    except OSError as error:
        raise FileSystemError(f"{folder} cannot be written: {error.strerror}", path=str(folder)) from error
    try:
        yield arrivals
    finally:
        shutil.rmtree(arrivals, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # if nothing has arrived


def _is_there(target: Path, wheel: Candidate) -> bool:
    try:
        return sha256_of(target) == wheel.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileSystemError(f"{target} cannot be read: {error.strerror}", path=str(target)) from error


def _bring(wheel: Candidate, folder: Path, arrivals: Path, transport: Transport) -> None:
    target, partial = folder / carried_path(wheel), arrivals / wheel.sha256
    digest = hashlib.sha256()
    try:
        with partial.open("wb") as stream:
            for block in _blocks(wheel, transport):
                digest.update(block)
                stream.write(block)
        _check(wheel, digest.hexdigest())
        target.parent.mkdir(exist_ok=True)
        os.replace(partial, target)
    except OSError as error:
        raise FileSystemError(f"{target} cannot be written: {error.strerror}", path=str(target)) from error


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
        try:
            with local.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    yield block
        except OSError as error:
            raise FileSystemError(f"{local} cannot be read: {error.strerror}", path=str(local)) from error
        return
    with transport.request(wheel.url) as answer:
        length, got = answer.headers.get("Content-Length", ""), 0
        while block := answer.read(_BLOCK):
            got += len(block)
            yield block
    if length.isdigit() and got < int(length):
        raise NetworkError(f"{redact(wheel.url)} ended after {got} of {length} bytes")
