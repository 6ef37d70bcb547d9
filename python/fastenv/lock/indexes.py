"""Is an index public, so that every node can get its files by the URL in the lock?

Not public is an index whose URL has user info, a query or a token; for which netrc, a keyring or uv's store of
credentials has an entry; which is a file; or whose host is this machine or has a private address. Of such an
index no URL is locked, and the files travel with the lock. The user can say otherwise, both ways.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from fastenv.lock.credentials import Credentials, realm
from fastenv.lock.secret_words import holds_token
from fastenv.lock.sources import Source, redact

__all__ = ["NAMED_PRIVATE", "PUBLIC_VARIABLE", "THIS_MACHINE", "Publicity"]

NAMED_PRIVATE = "it was named as private"
THIS_MACHINE = "its host is this machine"

PUBLIC_VARIABLE = "FASTENV_PUBLIC_INDEXES"
"""Environment variable: URLs of indexes that count as public, separated by spaces or commas."""

_RESOLVE_TIMEOUT_S = 3.0
# ipaddress's own is_private also counts documentation and benchmark ranges; these are the ones that are not routed
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        *(
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
        ),
        *("192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10"),
    )
]


class Publicity:
    """Answers for each source and each file whether it is public, by the rules above and the user's word.

    Args:
        credentials: who knows a login for what.
        public, private: URLs that the user names (``--public-index``, ``--private-index``); they hold for
            every URL below them. ``private`` wins over ``public``.
        environ: its ``FASTENV_PUBLIC_INDEXES`` adds to ``public``.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        public: Iterable[str] = (),
        private: Iterable[str] = (),
        environ: Mapping[str, str],
    ) -> None:
        listed = re.split(r"[\s,]+", environ.get(PUBLIC_VARIABLE, ""))
        self._public = [_plain(url) for url in (*public, *listed) if url]
        self._private = [_plain(url) for url in private]
        self._credentials = credentials
        self._answers: dict[str, str | None] = {}

    def private_reason(self, source: Source) -> str | None:
        """Why the source is not public, in words for a reader; None if it is public."""
        if source.url not in self._answers:
            self._answers[source.url] = self._judge(source)
        return self._answers[source.url]

    def _judge(self, source: Source) -> str | None:
        if not source.url:
            return "its address is not known"
        if source.kind == "find-links":
            return "it is a find-links page, not an index"
        if _below(source.url, self._private):
            return NAMED_PRIVATE
        if _below(source.url, self._public):
            return None
        if urlsplit(source.url).scheme == "file":
            return "it is a folder of this machine"
        return _by_url(source.url) or self._credentials.holder(source) or _by_host(source.url)

    def file_reason(self, url: str, source: Source) -> str | None:
        """Why a file of a public source can't be had by this URL all the same; None if it can."""
        if _below(url, self._private):
            return NAMED_PRIVATE
        if urlsplit(url).scheme not in ("http", "https"):
            return "it is a file of this machine"
        by_url = _by_url(url, token=False)
        if by_url or realm(url) == realm(source.url) or _below(url, self._public):
            return by_url
        return _by_host(url)


def _by_url(url: str, *, token: bool = True) -> str | None:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "its URL holds a login"
    if parts.query:
        return "its URL has a query"
    # the paths of files are full of hashes, so only an index's own path is looked at
    if token and holds_token(url):
        return "its URL seems to hold a token"
    return None


def _by_host(url: str) -> str | None:
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return THIS_MACHINE
    addresses = _addresses(host)
    if any(address.is_loopback or address.is_unspecified for address in addresses):
        return THIS_MACHINE
    if any(address in network for address in addresses for network in _PRIVATE):
        return "its host has a private address"
    return None


@lru_cache(maxsize=256)
def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses of a host; none if the name cannot be resolved in time, for that proves nothing."""
    try:
        return [_unmapped(host)]
    except ValueError:
        pass
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []

    def resolve() -> None:
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            found.extend(_unmapped(str(row[4][0])) for row in rows)
        except (OSError, UnicodeError, ValueError):
            pass

    # getaddrinfo knows no time limit of its own, and a broken resolver must not hold a lock up
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(_RESOLVE_TIMEOUT_S)
    return list(found)


def _unmapped(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _plain(url: str) -> str:
    """A URL for comparing: no user info, query, default port or slash at the end, host in lower case."""
    parts = urlsplit(redact(url))
    return f"{realm(url)}{parts.path.rstrip('/')}"


def _below(url: str, roots: Iterable[str]) -> bool:
    plain = _plain(url)
    return any(plain == root or plain.startswith(f"{root}/") for root in roots)
