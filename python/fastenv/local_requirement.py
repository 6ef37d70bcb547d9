"""Requirements of what no index has: a folder, a file, a Git repository.

As pip and uv take them: ``./mypkg``, ``../dist/x-1.0-py3-none-any.whl``, ``mypkg[gpu] @ file:///home/me/mypkg``,
``git+https://host.example/me/mypkg@v1#subdirectory=python``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["LocalRequirement", "local_requirement"]

_NAMED = re.compile(
    r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*@\s*(\S+)\s*(;.*)?", re.DOTALL
)
_PATH = re.compile(r"(?:\.{1,2}(?=/|\[|$)|/|~/)")
_BARE_PLACE = re.compile(r"[^\s;@]+(?:/[^\s;@]*|\.(?:whl|zip|tar\.\w+))")
"""A path or a URL without what tells that it is one."""
_EXTRAS = re.compile(r"(.*[^\s])(\[[A-Za-z0-9._, -]+\])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LocalRequirement:
    """One of them. ``text`` is as the user wrote it; ``name`` is empty where only a build tells it; ``extras`` are with
    their brackets.

    ``place`` is a path, which may be relative to the settings, or the URL of a repository, of which ``revision`` and
    ``subdirectory`` may be empty.
    """

    text: str
    kind: Literal["path", "git"]
    place: str
    name: str = ""
    extras: str = ""
    revision: str = ""
    subdirectory: str = ""

    def path(self, folder: Path) -> Path:
        """Where it is, seen from ``folder``."""
        return folder / Path(self.place).expanduser()


def local_requirement(text: str) -> LocalRequirement | None:
    """What ``text`` asks for, or None for a requirement that an index may have.

    Raises ValueError, with what to write instead, for what is neither.
    """
    text = text.strip()
    if text.startswith("-"):
        raise ValueError(
            f"{text!r} is no requirement: packages for the nodes are built, so name the folder alone"
        )
    named = _NAMED.fullmatch(text)
    if named is None:
        bare = _EXTRAS.fullmatch(text)
        place, extras = (bare[1], bare[2]) if bare is not None and _is_local(bare[1]) else (text, "")
        if _is_local(place):
            return _parsed(text, place, "", extras)
        if _BARE_PLACE.fullmatch(text):
            meant = f"NAME @ {text}" if "://" in text else f"./{text}"
            raise ValueError(f"{text!r} is no requirement: {meant} would be one")
        return None
    if named[4] and _is_local(named[3]):
        raise ValueError(f"{text!r}: what no index has is for all nodes, so it can have no marker")
    return _parsed(text, named[3], named[1], named[2] or "") if _is_local(named[3]) else None


def _is_local(place: str) -> bool:
    return _PATH.match(place) is not None or place.startswith(("file:", "git+"))


def _parsed(text: str, place: str, name: str, extras: str) -> LocalRequirement:
    if _PATH.match(place):
        return LocalRequirement(text, "path", place, name, extras)
    if place.startswith("git+") and "://" not in place:
        raise ValueError(f"{text!r} is no URL: git+ssh://git@host.example/me/mypkg is one")
    parts = urlsplit(place)
    fragment = parse_qs(parts.fragment)
    below = fragment.get("subdirectory", [""])[0]
    if ".." in below.split("/") or below.startswith("/"):
        raise ValueError(f"{text!r}: subdirectory leads out of the source")
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError(f"{text!r}: a file URL begins with file:///")
        return LocalRequirement(text, "path", f"{unquote(parts.path)}/{below}".rstrip("/"), name, extras)
    name = name or fragment.get("egg", [""])[0]
    path, _, revision = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
    if revision.startswith("-") or not path.strip("/"):
        raise ValueError(f"{text!r} names no repository, or no revision of it")
    if parts.password or (parts.username and parts.scheme != "git+ssh"):
        raise ValueError(
            "a Git URL with a login in it would be on a command line: leave it to Git's credential helper or netrc"
        )
    url = f"{parts.scheme.removeprefix('git+')}://{parts.netloc}{path}"
    return LocalRequirement(text, "git", url, name, extras, revision, below)
