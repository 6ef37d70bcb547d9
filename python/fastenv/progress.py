"""How far a long call is, for the one who waits: Event -> a bar, a line of text, or a line of JSON.

On a terminal a bar with packages, bytes, rate and time left; elsewhere a line at each turn and every ten
seconds; with ``as_json`` every event as one object on standard output. Only the command line uses this: the
library itself never prints.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress

    from fastenv.event import Event, OnEvent

__all__ = ["bytes_text", "show"]

_EVERY = 10.0  # seconds between two lines of progress where there is no terminal
_UNITS = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"))


@contextmanager
def show(verb: str, *, as_json: bool = False) -> Iterator[OnEvent]:
    """Show the events of one call of ``verb`` while the block runs.

    Yields the callback to hand to that call. What is shown fits where it goes; see the module.
    """
    if as_json:
        yield _JsonLines(sys.stdout).tell
    elif sys.stderr.isatty():
        with _Bar(verb) as bar:
            yield bar.tell
    else:
        yield _Lines(verb, sys.stderr).tell


def bytes_text(count: int) -> str:
    """``123.4 MB`` for a number of bytes; decimal units, as networks and disks are sold."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _fraction(event: Event) -> str:
    """``12/36 packages, 45.0 MB of 123.4 MB``, as far as it is known."""
    parts = []
    if event.total:
        parts.append(f"{event.done}/{event.total} packages")
    if event.total_bytes:
        parts.append(f"{bytes_text(event.done_bytes)} of {bytes_text(event.total_bytes)}")
    return ", ".join(parts)


def _plan_text(event: Event) -> str:
    missing = event.total - event.done
    if not missing:
        return f"{event.total} packages, all in the store"
    return f"{event.total} packages, {missing} to fetch, {bytes_text(event.total_bytes)}"


def _warning_text(event: Event) -> str:
    about = f"{event.package}: " if event.package else ""
    return f"warning: {about}{event.message}"


class _JsonLines:
    """Each event as one JSON object a line; fields that say nothing are left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, event: Event) -> None:
        fields = ("package", "message", "stage", "seconds", "done", "total", "done_bytes", "total_bytes")
        said = {name: getattr(event, name) for name in fields if getattr(event, name)}
        self._stream.write(json.dumps({"event": event.kind, **said}) + "\n")
        self._stream.flush()


class _Lines:
    """A line at each turn, and one every ten seconds in between: for logs."""

    def __init__(self, verb: str, stream: TextIO) -> None:
        self._verb = verb
        self._stream = stream
        self._last = time.monotonic()

    def tell(self, event: Event) -> None:
        if event.kind == "plan":
            self._say(f"{self._verb}: {_plan_text(event)}")
        elif event.kind == "stage":
            self._say(f"{self._verb}: {event.stage} took {event.seconds:.2f} s")
        elif event.kind == "warning":
            self._say(_warning_text(event))
        elif event.kind == "compared":
            self._say(f"{self._verb}: compared with {event.message}")
        elif event.kind == "building":
            self._say(f"{self._verb}: building {event.package}")
        elif event.kind == "packed":
            self._say(f"{self._verb}: {event.package}: {event.message}")
        elif event.kind == "progress" and time.monotonic() - self._last >= _EVERY:
            self._say(f"{self._verb}: {_fraction(event)}")

    def _say(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()
        self._last = time.monotonic()


class _Bar:
    """One bar on a terminal; it is gone when the call ends, warnings stay."""

    def __init__(self, verb: str) -> None:
        from rich.console import Console

        self._verb = verb
        self._console: Console = Console(stderr=True)
        self._progress: Progress = _bar(self._console)
        self._task = self._progress.add_task(verb, total=None, packages="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, event: Event) -> None:
        if event.kind == "warning":
            self._console.print(_warning_text(event), style="yellow", markup=False, highlight=False)
        elif event.kind == "packed":
            self._console.print(f"{event.package}: {event.message}", markup=False, highlight=False)
        elif event.kind == "compared":
            self._console.print(f"{self._verb}: compared with {event.message}", markup=False, highlight=False)
        elif event.kind == "building":
            self._progress.update(self._task, description=f"building {event.package}")
        elif event.kind in ("plan", "progress"):
            self._progress.update(
                self._task,
                description=event.stage or self._verb,
                completed=event.done_bytes,
                total=event.total_bytes or None,
                packages=f"{event.done}/{event.total}" if event.total else "",
            )


def _bar(console: Console) -> Progress:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=None),
        progress.TextColumn("{task.fields[packages]}"),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
