"""Where a distribution came from.

direct_url.json: PEP 610,
https://packaging.python.org/en/latest/specifications/direct-url-data-structure/.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from fastenv.scan.inventory import Origin

__all__ = ["direct_url", "directory_of", "linked", "without_secrets"]

SYSTEM_INSTALLERS = frozenset({"debian", "rpm", "apk", "portage", "pacman"})
"""What package managers of operating systems write into INSTALLER."""


def direct_url(text: str) -> Origin:
    """The origin that the text of a direct_url.json tells.

    Raises ValueError, with the reason, when it is not what PEP 610 asks for.
    """
    data = json.loads(text)
    address = data.get("url") if isinstance(data, dict) else None
    if not address or not isinstance(address, str):
        raise ValueError("it has no url")
    url = without_secrets(address)
    below = _text(data, "subdirectory")
    if "vcs_info" in data:
        info = _table(data, "vcs_info")
        vcs, commit, revision = (_text(info, key) for key in ("vcs", "commit_id", "requested_revision"))
        return Origin("vcs", url, vcs=vcs, commit=commit, revision=revision, subdirectory=below)
    if "dir_info" in data:
        editable = _table(data, "dir_info").get("editable") is True
        return Origin("editable" if editable else "local-dir", url, subdirectory=below)
    if "archive_info" in data:
        return Origin("archive", url, subdirectory=below, hashes=_hashes(_table(data, "archive_info")))
    raise ValueError("it has none of vcs_info, dir_info, archive_info")


def linked(folder: str) -> Origin:
    """The origin of a source tree that a .egg-link or a .pth file puts on the search path."""
    return Origin("editable", f"file://{folder}")


def directory_of(origin: Origin) -> str:
    """The directory that a ``file:`` origin means; "" for other URLs."""
    parts = urlsplit(origin.url)
    return (
        os.path.join(unquote(parts.path), origin.subdirectory).rstrip("/") if parts.scheme == "file" else ""
    )


def without_secrets(url: str) -> str:
    """``url`` without user info and query; PEP 610's ``${VARIABLES}`` and a bare ``git@`` are no secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    user, at, host = parts.netloc.rpartition("@")
    is_plain = not at or user == "git" or all(part.startswith("${") for part in user.split(":"))
    if is_plain and not parts.query:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc if is_plain else host, query=""))


def _hashes(info: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """``hashes``, or the older ``hash`` of the form ``algorithm=hex``."""
    hashes = info.get("hashes")
    if isinstance(hashes, dict):
        return tuple(sorted((str(name), str(value)) for name, value in hashes.items()))
    name, equals, value = _text(info, "hash").partition("=")
    return ((name, value),) if equals else ()


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data[key]
    if isinstance(value, dict):
        return value
    raise ValueError(f"its {key} is not an object")


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
