"""Every error that fastenv raises, and the exit status that each gives the command line.

::

    FastenvError            1   anything that is ours and has no closer name
    ├── ScanError           3   the environment cannot be read
    ├── LockError           3   the environment cannot be locked
    │   ├── LockFaults      3   several packages cannot be locked; lists them all
    │   └── LockFormatError 3   this text is not a lock that we can use
    ├── ArtifactError       4   bytes are not what the lock says, or not a sound archive
    ├── NodeUnfitError      5   this machine cannot hold the environment
    ├── FileSystemError     6   a folder cannot be read, written or locked
    └── NetworkError        7   an index or mirror cannot be reached

0 is success, 1 also "differences were found" (``verify``), 2 wrong usage, 130 Ctrl-C; ``fastenv exec``
gives 125 for a failure of its own, so that it is not taken for the program's.
The Rust core raises these same classes, so there is no second list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ArtifactError",
    "FastenvError",
    "Fault",
    "FileSystemError",
    "LockError",
    "LockFaults",
    "LockFormatError",
    "NetworkError",
    "NodeUnfitError",
    "ScanError",
]


class FastenvError(Exception):
    """The base of all errors that fastenv raises on purpose.

    ``str(error)`` is the message: it names the file or package and says what is wrong.

    Attributes:
        path: the file or folder concerned, if there is one.
        package: the normalized name (PEP 503) of the package concerned, if there is one.
        hint: what to do about it, if we know.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        package: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.package = package
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Exception's own pickling forgets keyword arguments; these errors cross process borders.
        return (_revive, (type(self), self.args, self.__dict__.copy()))


class ScanError(FastenvError):
    """The environment to scan cannot be read: no such interpreter, or it does not answer."""

    exit_code = 3


class LockError(FastenvError):
    """The environment cannot be locked."""

    exit_code = 3


@dataclass(frozen=True)
class Fault:
    """One package that cannot be locked, and why.

    Attributes:
        package: its normalized name (PEP 503).
        version: its version as scanned (PEP 440).
        reason: what is wrong, without a full stop.
        hint: what to do about it, or None.
    """

    package: str
    version: str
    reason: str
    hint: str | None = None

    def __str__(self) -> str:
        """Name, version and reason on one line."""
        return f"{self.package} {self.version}: {self.reason}"


class LockFaults(LockError):
    """Several packages cannot be locked; the message lists all of them, one a line."""

    def __init__(self, faults: Iterable[Fault], *, hint: str | None = None) -> None:
        self.faults = tuple(faults)
        super().__init__(self._message(), hint=hint)

    def _message(self) -> str:
        count = len(self.faults)
        noun = "package" if count == 1 else "packages"
        lines = [f"{count} {noun} cannot be locked"]
        for fault in self.faults:
            lines.append(f"  {fault}")
            if fault.hint:
                lines.append(f"    {fault.hint}")
        return "\n".join(lines)


class LockFormatError(LockError):
    """A text or file is not a lock that this version can use, or was changed after it was written."""


class ArtifactError(FastenvError):
    """An artifact's bytes are not those that were locked, or it is not a sound archive."""

    exit_code = 4


class NodeUnfitError(FastenvError):
    """This machine cannot hold the environment: wrong platform, or no fitting interpreter."""

    exit_code = 5


class FileSystemError(FastenvError):
    """A file or folder cannot be read, written, linked or locked, or is not ours to change."""

    exit_code = 6


class NetworkError(FastenvError):
    """An index or mirror cannot be reached, or answers with an error."""

    exit_code = 7


def _revive(kind: type[FastenvError], args: tuple[object, ...], state: dict[str, object]) -> FastenvError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
