"""Our own requests to an index: small ranges of wheels, their sizes, whole wheels that must travel.

The same proxies, certificates and logins as uv's; a login goes to its own realm only, never along a redirect
to another one. Every error is a NetworkError that shows no more of a URL than may be shown.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from fastenv.exceptions import NetworkError
from fastenv.lock.credentials import Credentials
from fastenv.lock.sources import Network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

    from fastenv.lock.client import Client

__all__ = ["Answer", "NoRanges", "Refused", "Transport", "total_size"]

Answer: TypeAlias = "HTTPResponse"


class NoRanges(NetworkError):
    """The server does not serve the part that was asked for; ``size`` of the whole, if it told."""

    size: int | None = None


class Refused(NetworkError):
    """The server answered, but does not give what was asked for; ``status`` is its answer's."""

    status = 0


class Transport:
    """Requests of one lock. Safe to use from many threads."""

    def __init__(self, network: Network, credentials: Credentials) -> None:
        self._network = network
        self._credentials = credentials
        self._guard = Lock()
        self._made: Client | None = None

    def request(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Answer]:
        """One answer, its body unread; what may pass by itself is tried again. Raises NetworkError."""
        return self._client().request(url, method=method, headers=headers)

    def size(self, url: str) -> int | None:
        """The bytes of the file at ``url``, or None if the server won't say. Raises NetworkError."""
        try:
            with self.request(url, method="HEAD") as answer:
                if (length := answer.headers.get("Content-Length", "")).isdigit():
                    return int(length)
        except NetworkError:
            pass  # some servers know no HEAD; if there is another reason, the next request meets it too
        with self.request(url, headers={"Range": "bytes=0-0"}) as answer:
            return total_size(answer)

    def _client(self) -> Client:
        with self._guard:
            if self._made is None:
                from fastenv.lock.client import Client  # see there

                self._made = Client(self._network, self._credentials)
            return self._made


def total_size(answer: Answer) -> int | None:
    """The size of the whole file, by Content-Range or Content-Length (RFC 9110 sections 14.4, 8.6)."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if not total and answer.status == 200:
        total = answer.headers.get("Content-Length", "")
    return int(total) if total.isdigit() else None
