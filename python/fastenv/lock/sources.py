"""Where wheels may come from: every index and find-links page that uv or pip is told of.

Each tool's settings stand by themselves, and the sources are the union of both: any pin may come from any of
them, since tags and files digest must agree. The index that uv asks when it is told of none is one of them
unless either tool names another default or says that there is no index.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from fastenv.lock.pip_settings import PipSettings, read_pip_settings
from fastenv.lock.uv_settings import UvSettings, read_uv_settings

__all__ = ["Network", "Source", "Sources", "file_path", "gather_sources", "redact"]


@dataclass(frozen=True)
class Source:
    """One simple index (PEP 503) or one find-links page or folder (a flat list of files).

    ``url`` is as it was configured and may hold a password: it is never shown, ``shown`` is. ``name`` is the
    one that uv's settings give it. ``options`` are the other keys of uv's ``[[index]]`` table. ``is_default``
    marks uv's own default index, whose URL is empty until uv has told it (``pins.Resolver``); ``is_direct`` the host
    of a file that was installed by its URL, which is no index.
    """

    url: str = field(repr=False)
    kind: Literal["index", "find-links"]
    name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    is_default: bool = False
    is_direct: bool = False

    @property
    def shown(self) -> str:
        """The URL without user info, query and fragment."""
        return redact(self.url) or "uv's default index"

    @property
    def key(self) -> str:
        """What tells it from other sources."""
        return "(default)" if self.is_default else self.url

    @property
    def is_http(self) -> bool:
        """Whether it is asked over the network."""
        return self.is_default or urlsplit(self.url).scheme in ("http", "https")

    @property
    def folder(self) -> Path | None:
        """The local path of a file:// URL, or None."""
        return file_path(self.url)


@dataclass(frozen=True)
class Network:
    """How to reach the sources: what is not an address."""

    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = field(default=None, repr=False)
    keyring: bool = False
    uv: Mapping[str, Any] = field(
        default_factory=dict, repr=False
    )  # keys of uv.toml that we hand on as they are


@dataclass(frozen=True)
class Sources:
    """All places to ask, in the order of preference, and how to reach them."""

    remote: tuple[Source, ...]  # indexes over http(s)
    local: tuple[Source, ...]  # file:// indexes and find-links: asked only for what the remote ones lack
    network: Network
    absent: tuple[str, ...] = ()  # find-links folders that are not there


def redact(url: str) -> str:
    """The URL without user info, query and fragment: what may be shown."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def file_path(url: str) -> Path | None:
    """The local path of a file:// URL, or None for any other."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def gather_sources(*, prefix: Path | None, environ: Mapping[str, str], cwd: Path) -> Sources:
    """Read the settings of uv and pip as either would see them now.

    ``prefix`` is the scanned environment, whose own pip.conf counts. Raises LockError, naming the file, for a
    configuration file that cannot be read.
    """
    uv = read_uv_settings(environ=environ, cwd=cwd)
    pip = read_pip_settings(prefix=prefix, environ=environ)
    indexes = _unique(_indexes(uv, pip, cwd))
    links = _unique(Source(_as_url(link, cwd), "find-links") for link in (*uv.find_links, *pip.find_links))
    absent = [s for s in links if s.folder is not None and not s.folder.exists()]
    remote = [s for s in indexes if s.is_http and s.kind == "index"]
    return Sources(
        remote=tuple(remote),
        local=tuple(s for s in (*indexes, *links) if s not in remote and s not in absent),
        network=_network(uv, pip, environ),
        absent=tuple(s.shown for s in absent),
    )


def _indexes(uv: UvSettings, pip: PipSettings, cwd: Path) -> Iterable[Source]:
    for table in uv.indexes:
        kind: Literal["index", "find-links"] = "find-links" if table.get("format") == "flat" else "index"
        yield Source(str(table["url"]), kind, table.get("name"), _options(table))
    for url in (*pip.extra_index_urls, *([pip.index_url] if pip.index_url else [])):
        yield Source(_as_url(url, cwd), "index")
    if not (uv.has_default or uv.no_index or pip.index_url or pip.no_index):
        yield Source("", "index", is_default=True)


def _options(table: Mapping[str, Any]) -> dict[str, Any]:
    # `explicit` and `default` are about which package may come from where; here any may come from any
    return {k: v for k, v in table.items() if k not in ("url", "name", "default", "explicit")}


def _as_url(link: str, cwd: Path) -> str:
    """A find-links entry as a URL: it may be a URL, or a path of a folder or page."""
    if urlsplit(link).scheme in ("http", "https", "file"):
        return link
    return Path(os.path.normpath(cwd / Path(link).expanduser())).as_uri()


def _unique(sources: Iterable[Source]) -> list[Source]:
    """Without repetitions of a URL or, in the later ones, of a name (uv allows a name once)."""
    found: dict[str, Source] = {}
    names: set[str] = set()
    for source in sources:
        key = source.key.rstrip("/")
        if key in found:
            continue
        found[key] = replace(source, name=None) if source.name in names else source
        names.update({source.name} if source.name else ())
    return list(found.values())


def _network(uv: UvSettings, pip: PipSettings, environ: Mapping[str, str]) -> Network:
    keyring = uv.options.get("keyring-provider") == "subprocess" or pip.keyring_provider in (
        "import",
        "subprocess",
    )
    hosts = (
        *uv.options.get("allow-insecure-host", ()),
        *environ.get("UV_INSECURE_HOST", "").split(),
    )
    return Network(
        trusted_hosts=tuple(dict.fromkeys((*hosts, *pip.trusted_hosts))),
        cert=pip.cert,
        client_cert=pip.client_cert,
        proxy=pip.proxy,
        keyring=keyring or environ.get("UV_KEYRING_PROVIDER") == "subprocess",
        uv=uv.options,
    )
