"""Logins and tokens for conda channels, where conda, anaconda-client and rattler keep them.

They are used only where a channel refuses us without: having logged in somewhere makes no public channel private.
netrc and what stands in a record's own address are not looked for here. Nothing of it is ever shown or written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

from fastenv.scan.conda_url import holds_secret, without_login

__all__ = ["ChannelLogins"]


class ChannelLogins:
    """Every login that this user has for channels; ``condarcs`` are conda's settings files."""

    def __init__(self, condarcs: Iterable[Path], environ: Mapping[str, str]) -> None:
        home = Path(environ.get("HOME") or Path.home())
        data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        store = Path(environ.get("RATTLER_AUTH_FILE") or home / ".rattler" / "credentials.json")
        self._addresses = [
            *_of_condarcs(condarcs),
            *_of_tokens([home / ".continuum" / "anaconda-client" / "tokens", data / "binstar"]),
        ]
        self._hosts = dict(_of_rattler(store))

    def __repr__(self) -> str:
        return "ChannelLogins(...)"

    def addresses(self, url: str) -> Iterator[str]:
        """``url`` with each login that could be meant for it."""
        for root in self._addresses:
            bare = without_login(root).rstrip("/")
            if url.startswith(f"{bare}/"):
                yield root.rstrip("/") + url[len(bare) :]
        host = urlsplit(url).hostname or ""
        for name, login in self._hosts.items():
            if host == name or (name.startswith("*.") and host.endswith(name[1:])):
                yield from _with(url, login)


def _of_condarcs(files: Iterable[Path]) -> Iterator[str]:
    """Addresses with a login in channels, channel_alias, custom_channels and their like."""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for url in re.findall(r"https?://[^\s\"',\]]+", text):
            if holds_secret(url):
                yield url


def _of_tokens(folders: Iterable[Path]) -> Iterator[str]:
    """anaconda-client's: a file a site, named by its address; conda takes them for ``conda.`` beside ``api.``."""
    for folder in folders:
        for file in sorted(folder.glob("*.token")):
            try:
                token = file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                continue
            site = unquote_plus(file.name.removesuffix(".token")).rstrip("/")
            for address in dict.fromkeys((site, site.replace("://api.", "://conda.", 1))):
                if token and urlsplit(address).scheme:
                    yield f"{address}/t/{quote(token)}"


def _of_rattler(store: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        table = json.loads(store.read_bytes())
    except (OSError, ValueError):
        return
    for name, login in table.items() if isinstance(table, dict) else ():
        if isinstance(login, dict):
            yield name, login


def _with(url: str, login: Mapping[str, object]) -> Iterator[str]:
    """``url`` with a login of rattler's; of its kinds these have a form in an address."""
    parts = urlsplit(url)
    token, basic = login.get("CondaToken"), login.get("BasicHTTP")
    if isinstance(token, str):
        yield urlunsplit(parts._replace(path=f"/t/{quote(token)}{parts.path}"))
    if isinstance(basic, dict):
        user, word = (quote(str(basic.get(key, "")), safe="") for key in ("username", "password"))
        yield urlunsplit(parts._replace(netloc=f"{user}:{word}@{parts.netloc}"))
