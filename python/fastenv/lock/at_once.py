"""Work on many things at once, such that Ctrl-C ends it at once too.

The threads of concurrent.futures are waited for, at the end of the pool and of the process: half a minute, if
a server has fallen silent. These are not; what they leave half done is their caller's to clear away.
"""

from __future__ import annotations

import sysconfig
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["Background", "each"]

_T = TypeVar("_T")
_R = TypeVar("_R")
_POLL_S = 0.1  # how long Ctrl-C may go unheard
_GRACE_S = 0.5  # for threads to notice that they are not needed any more


class Background(Generic[_R]):
    """One piece of work on a thread of its own."""

    def __init__(self, work: Callable[[], _R]) -> None:
        self._outcomes: SimpleQueue[tuple[_R | None, BaseException | None]] = SimpleQueue()
        _thread(lambda: _run(work, self._outcomes)).start()

    def result(self, on_wait: Callable[[], object] = lambda: None) -> _R:
        """Wait for what the work gives; raises what it raised. ``on_wait`` is called now and then meanwhile."""
        return _next(self._outcomes, on_wait)


def each(work: Callable[[_T], _R], items: Iterable[_T], *, threads: int) -> Iterator[tuple[_T, _R]]:
    """``(item, work(item))`` as they come. The first error is raised, and no further item begun."""
    waiting = deque(items)
    over = Event()
    outcomes: SimpleQueue[tuple[tuple[_T, _R] | None, BaseException | None]] = SimpleQueue()

    def labour() -> None:
        while not over.is_set():
            try:
                item = waiting.popleft()
            except IndexError:
                return
            _run(lambda item=item: (item, work(item)), outcomes)  # type: ignore[misc]

    count = len(waiting)
    workers = [_thread(labour) for _ in range(min(threads, count))]
    for worker in workers:
        worker.start()
    try:
        for _ in range(count):
            yield _next(outcomes)
    finally:
        over.set()
        until = time.monotonic() + _GRACE_S
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))


def _thread(work: Callable[[], None]) -> Thread:
    # Up to Python 3.11 who asks for a variable while another thread reads them for the first time is told None; uv and
    # packaging ask.
    sysconfig.get_config_vars()
    return Thread(target=work, daemon=True)


def _run(work: Callable[[], _R], outcomes: SimpleQueue[tuple[_R | None, BaseException | None]]) -> None:
    try:
        outcomes.put((work(), None))
    except BaseException as error:  # noqa: BLE001 # it is raised where the outcome is asked for
        outcomes.put((None, error))


def _next(
    outcomes: SimpleQueue[tuple[_R | None, BaseException | None]],
    on_wait: Callable[[], object] = lambda: None,
) -> _R:
    while True:
        try:
            value, error = outcomes.get(timeout=_POLL_S)
        except Empty:
            on_wait()
            continue
        if error is not None:
            raise error
        return value  # type: ignore[return-value] # there is one where there is no error
