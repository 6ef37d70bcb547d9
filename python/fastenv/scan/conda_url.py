"""Addresses of conda packages: the channel that one is in, and the same without what must not be told.

Channels with a token have ``/t/TOKEN`` at the begin of their path.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["channel_of", "holds_secret", "without_login"]

_TOKEN = re.compile(r"^/t/[^/]+(?=/|$)")
_SUBDIR = re.compile(r"^(noarch|(linux|osx|win|emscripten|wasi|freebsd|zos)-[a-z0-9_]+)$")


def without_login(url: str) -> str:
    """``url`` without user info, token, query and fragment; "" for what is no URL."""
    try:
        parts = urlsplit(url)
        path = _TOKEN.sub("", parts.path)
    except ValueError:
        return ""
    if not parts.scheme:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def holds_secret(url: str) -> bool:
    """Whether ``url`` has user info, a token or a query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return "@" in parts.netloc or bool(parts.query) or _TOKEN.match(parts.path) is not None


def channel_of(url: str, channel: str, subdir: str) -> str:
    """The base URL of a package's channel; where neither ``url`` nor ``channel`` is a URL, the latter, a name."""
    base = without_login(url).rpartition("/")[0] if url else ""
    if not base:
        base = without_login(channel) or ("" if "/t/" in channel or "@" in channel else channel)
    base = base.rstrip("/")
    before, _, last = base.rpartition("/")
    return before if last == subdir or _SUBDIR.fullmatch(last) else base.removesuffix("<unknown>")
