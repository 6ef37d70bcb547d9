"""Wheels that are made while a lock is: where they lie until they have their place beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from fastenv.build.wheel_file import Contents, Written, write_wheel
from fastenv.exceptions import FastenvError, FileSystemError
from fastenv.lock.at_once import each
from fastenv.lock.carried import FOLDER, carried_path
from fastenv.lock.packed import Packed
from fastenv.lock.pins import Candidate
from fastenv.lock.wheel_digest import NotAWheel, digest_of_wheel

__all__ = ["Made", "Workshop"]

_THREADS = 4


@dataclass(frozen=True)
class Made:
    """A wheel that no index has. ``origin`` and ``reason`` are what the lock says of it, ``source_digest`` what it was
    built of; ``file`` is where it lies until it is kept, None if it travels as others do.
    """

    wheel: Candidate
    files_digest: str | None
    origin: str
    reason: str | None = None
    file: Path | None = None
    source_digest: str | None = None


class Workshop:
    """Makes wheels in a folder of its own beside the lock; ``close`` removes what was not kept of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._room: Path | None = None

    @property
    def beside(self) -> Path:
        """The folder beside the lock that what is kept goes to."""
        return self._folder / FOLDER

    def close(self) -> None:
        """Leave nothing but what was kept."""
        if self._room is not None:
            shutil.rmtree(self._room, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._room.parent.rmdir()  # if nothing is in it

    def room(self) -> Path:
        """The folder to make things in. Raises FileSystemError."""
        if self._room is None:
            try:
                self.beside.mkdir(parents=True, exist_ok=True)
                self._room = Path(tempfile.mkdtemp(dir=self.beside, prefix=".making-"))
            except OSError as error:
                message = f"{self.beside} cannot be written: {error.strerror}"
                raise FileSystemError(message, path=str(self.beside)) from error
        return self._room

    def pack(
        self,
        contents: Mapping[str, Contents],
        origins: Mapping[str, tuple[str, str, str | None]],
        packed: Packed,
        on_packed: Callable[[str, int], object] = lambda *_: None,
    ) -> dict[str, Made]:
        """A wheel for each name. ``origins`` are what the lock says of each: origin, reason and source digest.
        ``packed`` knows those that lie beside the lock. ``on_packed`` is told which is done, and how many there
        are by now.

        Raises FileSystemError for a file that cannot be read or written.
        """
        guard = Lock()

        def room() -> Path:
            with guard:
                return self.room()

        def make(name: str) -> Made:
            there = packed.find(contents[name])
            written, files_digest = there or _write(contents[name], room() / name)
            if there is None:
                packed.note(contents[name], written, files_digest)
            wheel = Candidate(contents[name].filename, written.path.as_uri(), written.sha256, written.size)
            origin, reason, source = origins[name]
            if origin == "repacked":
                source = packed.scripts(contents[name])
            return Made(wheel, files_digest, origin, reason, written.path, source)

        found = {}
        for name, made in each(make, contents, threads=_THREADS):
            found[name] = made
            on_packed(name, len(found))
        packed.save()
        return found

    def keep(self, made: Iterable[Made]) -> None:
        """Bring wheels to their places beside the lock. Raises FileSystemError."""
        for it in made:
            target = self._folder / carried_path(it.wheel)
            if it.file is None or it.file == target:
                continue
            try:
                target.parent.mkdir(exist_ok=True)
                os.replace(it.file, target)
            except OSError as error:
                message = f"{target} cannot be written: {error.strerror}"
                raise FileSystemError(message, path=str(target)) from error


def _write(contents: Contents, path: Path) -> tuple[Written, str]:
    try:
        return write_wheel(contents, path), digest_of_wheel(path)
    except OSError as error:
        place = str(error.filename or path)
        raise FileSystemError(f"{place} cannot be packed up: {error.strerror}", path=place) from error
    except NotAWheel as error:  # what we wrote is one, unless we are wrong
        raise FastenvError(f"{contents.filename} was packed up wrongly: {error}") from error
