"""Files of indexes that are not public, by the index's name: for nodes that have logins of their own.

Nothing secret is named. Where a file's address holds a token or a query, its bytes travel after all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import count, takewhile
from urllib.parse import quote, unquote, urlsplit

from fastenv.lock.credentials import realm
from fastenv.lock.indexes import NAMED_PRIVATE, THIS_MACHINE
from fastenv.lock.named_index import NamedIndex, variable
from fastenv.lock.pins import Candidate
from fastenv.lock.secret_words import looks_secret, tokens_of
from fastenv.lock.sources import redact

__all__ = ["NamedFile", "Naming"]

_HEX = re.compile(r"[0-9a-fA-F]+")
_PLAIN = "/%:@!$&'()*+,;=~"
_CHANNEL_TOKEN = re.compile(r"^/t/[^/]+/")


@dataclass(frozen=True)
class NamedFile:
    """``path`` is relative to the URL of the index of that name, or a URL of another host."""

    index: str
    path: str


class Naming:
    """Gives each index its name, and each file its path; ``indexes`` are those that were named so far.

    ``secrets`` are words that may stand in no path. ``refused`` says of which files nothing could be named, and why.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = secrets
        self._known: dict[str, tuple[str, NamedIndex]] = {}
        self.refused: list[str] = []

    @property
    def indexes(self) -> list[NamedIndex]:
        """As the lock has them, by name."""
        return sorted((index for _, index in self._known.values()), key=lambda it: it.name)

    def wheel(self, wheel: Candidate, reason: str) -> NamedFile | None:
        """Of an index that is not public for ``reason``; None if its bytes must travel."""
        source = wheel.source
        if source is None or source.kind != "index" or source.is_direct or not source.is_http:
            return None
        if reason == THIS_MACHINE:
            return None  # on a node it would be another machine
        hidden = _parts(source.url) if reason == NAMED_PRIVATE else tokens_of(source.url)
        path = _path(source.url, wheel.url)
        if path is None or self._is_secret(path, hidden):
            self._refuse(wheel.filename)
            return None
        base = _folder(redact(source.url))
        is_told = reason != NAMED_PRIVATE and not urlsplit(source.url).query
        is_told = is_told and not self._is_secret(base, tokens_of(base))
        name = self._name(source.name or _host(source.url), source.url, base if is_told else None)
        return NamedFile(name, path)

    def archive(self, filename: str, url: str, reason: str) -> NamedFile | None:
        """Of a channel that is not public, by its host, since a token is good for all of a host's channels."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or reason == THIS_MACHINE:
            return None
        root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        token = _CHANNEL_TOKEN.match(parts.path)
        base = root if token is None else f"{root}{token[0].lstrip('/')}"
        if reason == NAMED_PRIVATE:  # why is not known: only what is in every channel is told
            base = _folder(redact(url).rsplit("/", 2)[0])
        path = _path(base, url)
        if path is None or self._is_secret(path, tokens_of(url)):
            self._refuse(filename)
            return None
        is_told = reason != NAMED_PRIVATE and token is None
        return NamedFile(self._name(_host(url), base, root if is_told else None), path)

    def _refuse(self, filename: str) -> None:
        self.refused.append(f"{filename} travels with the lock: its address holds a login or a token")

    def _name(self, wanted: str, base: str, shown: str | None) -> str:
        """The wanted name, or with a number, where another index has the same variables on a node."""
        for number in count(1):
            name = wanted if number == 1 else f"{wanted}-{number}"
            place, index = self._known.setdefault(variable(name), (base, NamedIndex(name, shown)))
            if place == base:
                break
        return index.name

    def _is_secret(self, path: str, hidden: Iterable[str]) -> bool:
        """Whether there is a token in a path: one of the index's, one that we know, or what looks like one."""
        plain = unquote(path)
        # paths of files are full of hashes
        odd = any(looks_secret(part) and not _HEX.fullmatch(part) for part in _parts(plain))
        return odd or any(word in plain for word in (*self._secrets, *hidden))


def _path(base: str, url: str) -> str | None:
    """Of a file's URL, relative to its index's; of another host whole; None if there is more in it than a path."""
    parts = urlsplit(url)
    if parts.query or parts.scheme not in ("http", "https"):
        return None
    if realm(base) != realm(url):
        return None if "@" in parts.netloc else _quoted(redact(url))
    here = urlsplit(_folder(redact(base))).path.split("/")[:-1]
    there = parts.path.split("/")
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(here, there[:-1], strict=False))))
    path = _quoted("/".join([".."] * (len(here) - shared) + there[shared:]))
    return f"./{path}" if ":" in path.partition("/")[0] else path


def _quoted(text: str) -> str:
    return quote(text, safe=_PLAIN)


def _folder(url: str) -> str:
    return f"{url.rstrip('/')}/"


def _parts(url: str) -> list[str]:
    return [part for part in urlsplit(url).path.split("/") if part]


def _host(url: str) -> str:
    """What an index without a name is called: its host, and its port if that is not the usual one."""
    parts = urlsplit(url)
    port = f"-{parts.port}" if parts.port else ""
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{(parts.hostname or '').lower()}{port}")
