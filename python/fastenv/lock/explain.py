"""Why no source has a pin, told from the sources' own pages: uv says little more than that it is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from fastenv.exceptions import Fault, NetworkError
from fastenv.lock.at_once import each
from fastenv.lock.pins import Pin
from fastenv.lock.sources import Source
from fastenv.lock.transport import Transport

__all__ = ["Absent", "explain"]

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_THREADS = 8
_BUILD = (
    "build a wheel of it into a folder and name that in $UV_FIND_LINKS or $PIP_FIND_LINKS: uv build --wheel, "
    "pip wheel --no-deps"
)
_NOWHERE = "no index has it"
_NO_WHEEL = "indexes have no wheel of it for this interpreter"
_WHERE = "add the index or find-links folder that it came from to the settings of pip or uv"


@dataclass(frozen=True)
class _Page:
    source: Source
    status: str  # "" for a page that was read
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Absent:
    """A pin that no source has: why in a few words that name no source, and as a fault. ``refused`` is whether a
    login may be all that is missing.
    """

    reason: str
    fault: Fault
    refused: bool


def explain(pins: Mapping[Pin, str], sources: Sequence[Source], transport: Transport) -> list[Absent]:
    """Why no source has each pin; ``pins`` maps to what uv said of it."""
    asked = each(lambda pin: _absent(pin, pins[pin], sources, transport), pins, threads=_THREADS)
    return [absent for _, absent in asked]


def _absent(pin: Pin, words: str, sources: Sequence[Source], transport: Transport) -> Absent:
    pages = [
        _page(source, pin, transport)
        for source in sources
        if source.url and source.is_http and source.kind == "index"
    ]
    short, reason, hint = _reason(pin, pages, words, len(sources))
    refused = [page for page in pages if page.status.startswith(("401", "403"))]
    if refused:
        reason += f"; {refused[0].source.shown} answers {refused[0].status}"
        hint = "give a login for it: netrc, the index's URL, or `uv auth login`"
    # some stores of files answer 403 for what they do not have
    wants_login = len(refused) == len(pages) or any(page.status.startswith("401") for page in refused)
    fault = Fault(pin.name, pin.version, reason, hint)
    return Absent(short, fault, bool(refused) and wants_login)


def _reason(pin: Pin, pages: Sequence[_Page], words: str, sources: int) -> tuple[str, str, str]:
    """In a few words, in a sentence, and what to do."""
    of_version = [(page, name) for page in pages for name in page.files if _is_version(name, pin.version)]
    if not sources:
        return _NOWHERE, "there is no index and no find-links folder to look in", _WHERE
    if any(name.endswith(".whl") for _, name in of_version):
        where = next(page.source.shown for page, name in of_version if name.endswith(".whl"))
        return _NO_WHEEL, f"{where} has wheels of this version, but none that this interpreter takes", _BUILD
    if of_version:
        return (
            "indexes have only its source",
            f"{of_version[0][0].source.shown} has only a source distribution of it, no wheel",
            _BUILD,
        )
    if "no usable wheels" in words:
        return _NO_WHEEL, "the indexes have no wheel of it that this interpreter takes", _BUILD
    if any(page.files for page in pages) or "there is no version of" in words:
        return "no index has this version", "no index has this version", _WHERE
    return _NOWHERE, "no index and no find-links folder has it", _WHERE


def _page(source: Source, pin: Pin, transport: Transport) -> _Page:
    parts = urlsplit(source.url)
    url = parts._replace(path=f"{parts.path.rstrip('/')}/{pin.name}/").geturl()
    try:
        with transport.request(url, headers={"Accept": _ACCEPT}) as answer:
            return _Page(source, "", tuple(_file_names(answer.read().decode("utf-8", "replace"))))
    except NetworkError as error:
        return _Page(source, str(error).rpartition(" answers ")[2])


def _file_names(page: str) -> Iterable[str]:
    """The files on a project's page, JSON (PEP 691) or HTML (PEP 503)."""
    if page.lstrip().startswith("{"):
        try:
            return [str(row["filename"]) for row in json.loads(page)["files"]]
        except (ValueError, KeyError, TypeError):
            return []
    import html  # with its table of entities, which takes a while

    links = re.findall(r"""<a\s[^>]*?href\s*=\s*["']([^"'#]+)""", page, re.IGNORECASE)
    return [unquote(urlsplit(html.unescape(link)).path.rpartition("/")[2]) for link in links]


def _is_version(filename: str, version: str) -> bool:
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1] == Version(version)
        return parse_sdist_filename(filename)[1] == Version(version)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return False
