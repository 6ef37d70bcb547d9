"""The one way out of a lock for what is said: errors and events pass here, and leave every credential behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from fastenv.event import Event, OnEvent
from fastenv.exceptions import FastenvError, LockFaults
from fastenv.lock.secret_words import masked

__all__ = ["Outlet"]


class Outlet:
    """``secrets`` are the words that must not be said, as soon as they are known."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self.secrets: Iterable[str] = ()

    def tell(self, event: Event) -> None:
        """Hand an event on."""
        if self._on_event is None:
            return
        message = masked(event.message, self.secrets)
        if message != event.message:
            event = Event(event.kind, package=event.package, message=message, stage=event.stage)
        self._on_event(event)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Let errors of ours pass, masked; and none that one of them came of, if that says more."""
        try:
            yield
        except FastenvError as error:
            self._mask(error)
            raise

    def _mask(self, error: FastenvError) -> None:
        if isinstance(error, LockFaults):
            faults = [
                replace(it, reason=masked(it.reason, self.secrets), hint=self._maybe(it.hint))
                for it in error.faults
            ]
            error.__init__(faults, hint=self._maybe(error.hint))  # type: ignore[misc] # the same kind
        else:
            error.args = tuple(masked(it, self.secrets) if isinstance(it, str) else it for it in error.args)
            error.hint = self._maybe(error.hint)
            error.path = self._maybe(error.path)
        cause = error.__cause__ or error.__context__
        if cause is not None and masked(str(cause), self.secrets) != str(cause):
            error.__cause__ = error.__context__ = None

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else masked(text, self.secrets)
