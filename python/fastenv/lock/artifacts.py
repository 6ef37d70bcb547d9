"""What is known of a wheel before anybody downloads it: its size, and what it would install.

Both are facts about bytes with a given sha256, so they are asked of an index once and kept in a file of the
user's cache folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastenv.lock import cache
from fastenv.lock.at_once import each
from fastenv.lock.pins import Candidate
from fastenv.lock.range_file import RangeFile
from fastenv.lock.sources import file_path
from fastenv.lock.transport import NoRanges, Transport
from fastenv.lock.wheel_digest import NotAWheel, wheel_files_digest

__all__ = ["Artifacts", "Known"]

_THREADS = 16


@dataclass(frozen=True)
class Known:
    """``size`` in bytes; ``files_digest`` of what it would install; None for what the index doesn't tell
    without a whole download. ``damage`` says why it is no wheel.
    """

    size: int | None = None
    files_digest: str | None = None
    damage: str | None = None


class Artifacts:
    """Asks for facts about wheels, many at a time, and remembers them.

    ``on_asked`` is told how many of how many have answered, from the thread that calls ``look``.
    """

    def __init__(
        self,
        transport: Transport,
        environ: Mapping[str, str],
        on_asked: Callable[[int, int], object] = lambda *_: None,
    ) -> None:
        self._transport = transport
        self._on_asked = on_asked
        self._path = cache.cache_folder(environ) / "wheels-v1.json"
        self._stored = cache.load(self._path)
        self._fresh: dict[str, list[int | str | None]] = {}

    def look(self, wheels: Iterable[Candidate]) -> dict[str, Known]:
        """Facts by sha256. Raises NetworkError if a wheel's server can't be reached."""
        wanted = {wheel.sha256: wheel for wheel in wheels}
        found = {sha256: known for sha256, wheel in wanted.items() if (known := self._remembered(wheel))}
        asked = [wheel for wheel in wanted.values() if wheel.sha256 not in found]
        for number, (wheel, known) in enumerate(each(self._ask, asked, threads=_THREADS), 1):
            found[wheel.sha256] = known
            self._on_asked(number, len(asked))
        for sha256, known in found.items():
            if known.size is not None and known.damage is None:
                self._fresh[wanted[sha256].key] = [known.size, known.files_digest]
        return found

    def save(self) -> None:
        """Keep what was learnt. Silent where the cache folder can't be written."""
        if any(self._stored.get(key) != value for key, value in self._fresh.items()):
            cache.save(self._path, {**cache.load(self._path), **self._fresh})

    def _remembered(self, wheel: Candidate) -> Known | None:
        entry = self._stored.get(wheel.key)
        if file_path(wheel.url) is not None or not isinstance(entry, list) or len(entry) != 2:
            return None
        return Known(entry[0], entry[1])

    def _ask(self, wheel: Candidate) -> Known:
        local = file_path(wheel.url)
        if local is not None:
            return _local(local)
        try:
            remote = RangeFile(self._transport, wheel.url)
            return Known(remote.size, wheel_files_digest(remote))  # type: ignore[arg-type]
        except NoRanges as refusal:
            return Known(refusal.size or wheel.size or self._transport.size(wheel.url))
        except NotAWheel as error:
            return Known(wheel.size, damage=str(error))


def _local(path: Path) -> Known:
    with path.open("rb") as stream:
        try:
            return Known(path.stat().st_size, wheel_files_digest(stream))
        except NotAWheel as error:
            return Known(path.stat().st_size, damage=str(error))
