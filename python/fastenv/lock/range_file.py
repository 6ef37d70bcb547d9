"""A remote file that is read only where it is asked for."""

from __future__ import annotations

import io
import os
from typing import Any

from fastenv.lock.sources import redact
from fastenv.lock.transport import NoRanges, Transport, total_size

__all__ = ["RangeFile"]


class RangeFile(io.RawIOBase):
    """A remote file as a stream: enough for zipfile to read one entry of a wheel.

    The first request takes the last ``tail`` bytes, which hold the central directory and mostly RECORD too.
    ``size`` is that of the whole file.

    Raises NetworkError, and NoRanges where the server does not serve ranges.
    """

    def __init__(self, transport: Transport, url: str, *, tail: int = 96 * 1024) -> None:
        self._transport, self._url = transport, url
        self._position = 0
        self._tail, self.size = self._get(f"bytes=-{tail}")
        self._start = self.size - len(self._tail)

    def readable(self) -> bool:  # noqa: D102 # of io.RawIOBase, as all below
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def tell(self) -> int:  # noqa: D102
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:  # noqa: D102
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, count: int = -1) -> bytes:  # noqa: D102
        end = self.size if count < 0 else min(self._position + count, self.size)
        if end <= self._position:
            return b""
        if self._position >= self._start:
            data = self._tail[self._position - self._start : end - self._start]
        else:
            data, _ = self._get(f"bytes={self._position}-{end - 1}")
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _get(self, span: str) -> tuple[bytes, int]:
        """The bytes of a range, and the size of the whole."""
        with self._transport.request(self._url, headers={"Range": span}) as answer:
            total = total_size(answer)
            if answer.status != 206 or total is None:
                refusal = NoRanges(f"{redact(self._url)} does not come in parts")
                refusal.size = total
                raise refusal
            return answer.read(), total
