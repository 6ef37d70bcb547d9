"""Who knows a password for an index, and which.

Asked, in this order: the URL itself, ``UV_INDEX_<NAME>_USERNAME`` and ``_PASSWORD``, netrc, uv's store of
credentials, the ``keyring`` program where uv's or pip's settings turn it on. That something knows one makes an
index not public (``indexes.py``); our own requests use what is found, uv finds it by itself.
"""

from __future__ import annotations

import netrc
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from fastenv.lock import toml
from fastenv.lock.named_index import variable
from fastenv.lock.secret_words import holds_token, looks_secret, tokens_of
from fastenv.lock.sources import Source, Sources, redact
from fastenv.surroundings import without_index_settings

__all__ = ["Credentials", "realm"]

_KEYRING_TIMEOUT_S = 20.0
_SHORTEST = 4
"""Letters of a word that is taken out of messages: a shorter one stands in many others."""

Login = tuple[str, str]


def realm(url: str) -> str:
    """``https://host:port``: what a password is valid for, and never sent beyond."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


class Credentials:
    """Every login that this user has for the sources. Nothing of it is ever shown or written."""

    def __init__(self, sources: Sources, environ: Mapping[str, str]) -> None:
        self._sources = sources
        self._environ = environ

    def __repr__(self) -> str:
        return "Credentials(...)"

    def holder(self, source: Source) -> str | None:
        """Who has an entry for this source, in words for a reader; None if nobody has."""
        for words, login in self._holders(source):
            if login:
                return words
        return None

    def login(self, url: str) -> Login | None:
        """The user name and password to send with a request for ``url``, or None."""
        own = _in_url(url)
        if own and own[1]:
            return own
        incomplete = own
        for source in (*self._sources.remote, *self._sources.local):
            if realm(source.url) != realm(url):
                continue
            for _, login in self._holders(source):
                if login and login[1] and (own is None or own[0] == login[0]):
                    return login
                incomplete = incomplete or login
        # a user name alone: it may be a token, or its password is kept where nobody told us of
        return self._netrc(url) or incomplete

    def secrets(self) -> frozenset[str]:
        """Every credential in plain sight of us: what must not be in any text that leaves us."""
        found: set[str] = set()
        for source in (*self._sources.remote, *self._sources.local):
            for _, login in self._holders(source):
                found.update(_secret_words(login))
            parts = urlsplit(source.url)
            found.update(word for word in (parts.password, parts.query, *tokens_of(source.url)) if word)
        return frozenset(word for word in found if len(word) >= _SHORTEST)

    def _holders(self, source: Source) -> Iterator[tuple[str, Login | None]]:
        yield "its URL holds a login", _in_url(source.url)
        yield "the environment holds a login for it", self._variables(source)
        yield "netrc has an entry for its host", self._netrc(source.url)
        yield "uv's store of credentials has an entry for it", self._uv_store(source.url)
        if self._sources.network.keyring and source.is_http:
            yield "the keyring has an entry for it", self._keyring(source)

    def _keyring(self, source: Source) -> Login | None:
        # command lines can be seen: no token is on one
        place = redact(source.url) if not holds_token(source.url) else realm(source.url)
        user = (_in_url(source.url) or ("", ""))[0]
        return _keyring(place, "" if looks_secret(user) else user)

    def _variables(self, source: Source) -> Login | None:
        """Uv's ``UV_INDEX_<NAME>_USERNAME`` and ``UV_INDEX_<NAME>_PASSWORD``."""
        if source.name is None:
            return None
        stem = f"UV_INDEX_{variable(source.name)}"
        user, word = (
            self._environ.get(f"{stem}_USERNAME", ""),
            self._environ.get(f"{stem}_PASSWORD", ""),
        )
        return (user, word) if user or word else None

    def _netrc(self, url: str) -> Login | None:
        # netrc's `default` entry is for any host at all, so it says nothing of this one
        entry = self._netrc_hosts.get(urlsplit(url).hostname or "")
        return (entry[0], entry[2] or "") if entry else None

    @cached_property
    def _netrc_hosts(self) -> Mapping[str, tuple[str, str | None, str | None]]:
        home = Path(self._environ.get("HOME") or Path.home())
        named = self._environ.get("NETRC")
        for path in [Path(named)] if named else [home / ".netrc", home / "_netrc"]:
            try:
                return {host: entry for host, entry in _parse_netrc(path).items() if host != "default"}
            except FileNotFoundError:
                continue
            except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
                return {}
        return {}

    def _uv_store(self, url: str) -> Login | None:
        wanted = urlsplit(url)
        for entry in self._uv_entries:
            service = str(entry.get("service", ""))
            if realm(service) == realm(url) and wanted.path.startswith(urlsplit(service).path.rstrip("/")):
                return str(entry.get("username") or ""), str(
                    entry.get("password") or entry.get("token") or ""
                )
        return None

    @cached_property
    def _uv_entries(self) -> list[dict[str, Any]]:
        home = Path(self._environ.get("HOME") or Path.home())
        data = Path(self._environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        folder = Path(self._environ.get("UV_CREDENTIALS_DIR") or data / "uv" / "credentials")
        try:
            table = toml.loads((folder / "credentials.toml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, toml.TOMLDecodeError):
            return []
        return [entry for entry in table.get("credential", []) if isinstance(entry, dict)]


def _secret_words(login: Login | None) -> Iterator[str]:
    """The password, and a user name that is none but a token, as they are and as they stand in a URL."""
    user, word = login or ("", "")
    for secret in (word, "" if word else user):
        yield from (secret, quote(secret), quote(secret, safe=""))


def _in_url(url: str) -> Login | None:
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def _parse_netrc(path: Path) -> Mapping[str, tuple[str, str | None, str | None]]:
    return netrc.netrc(os.fspath(path)).hosts


@lru_cache(maxsize=64)
def _keyring(url: str, user: str) -> Login | None:
    """What the keyring program knows of a URL or its host, for ``user`` or, if that is empty, for anybody."""
    program = shutil.which("keyring")
    for service in (url, urlsplit(url).hostname or url) if program else ():
        words = ["get", service, user] if user else ["--mode", "creds", "get", service]
        try:
            answer = subprocess.run(
                [str(program), *words],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                env=without_index_settings(os.environ),
                timeout=_KEYRING_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        lines = answer.stdout.splitlines()
        if answer.returncode == 0 and len(lines) >= 2 - bool(user):
            return (user, lines[0]) if user else (lines[0], lines[1])
    return None
