"""What uv is told about indexes: its configuration files and its environment variables.

uv would read these itself; we read them first because we must know which index is public, which index a file
comes from, and ask files and folders after the network. What we do not understand of them is handed on to uv
as it stands. Order and meaning are those of
uv's documentation ("Configuration files", "Package indexes").
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastenv.exceptions import LockError
from fastenv.lock import toml

__all__ = ["UvSettings", "read_uv_settings"]

# keys of uv.toml that say how to reach an index; all others are about choosing versions, which we never do
_HANDED_ON = (
    "allow-insecure-host",
    "cache-dir",
    "concurrent-downloads",
    "http-proxy",
    "https-proxy",
    "keyring-provider",
    "native-tls",
    "no-cache",
    "no-proxy",
    "offline",
    "system-certs",
)


@dataclass(frozen=True)
class UvSettings:
    """uv's index settings. ``indexes`` are tables as in ``[[index]]``, absolute, in order of preference, a
    default one last; ``options`` are further keys of uv.toml that stay in force.
    """

    indexes: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    has_default: bool = False
    find_links: tuple[str, ...] = field(default=(), repr=False)
    no_index: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_uv_settings(*, environ: Mapping[str, str], cwd: Path) -> UvSettings:
    """Uv's settings as a uv started in ``cwd`` would find them.

    Raises LockError, naming the file, where a configuration file cannot be read.
    """
    tables = [_from_environment(environ, cwd)]
    tables += [_absolute(_read(path), path.parent) for path in _config_files(environ, cwd)]
    no_index = any(t.get("no-index") for t in tables)
    indexes = [] if no_index else [i for t in tables for i in t.get("index", ())]
    defaults = [i for i in indexes if i.get("default")]
    options: dict[str, Any] = {}
    for table in reversed(tables):
        options.update({k: table[k] for k in _HANDED_ON if k in table})
    return UvSettings(
        # the default index of a stronger level replaces that of a weaker one
        indexes=tuple([i for i in indexes if not i.get("default")] + defaults[:1]),
        has_default=bool(defaults),
        find_links=tuple(link for t in tables for link in t.get("find-links", ())),
        no_index=no_index,
        options=options,
    )


def _config_files(environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    """The files that uv would merge, the strongest first."""
    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return
    if named := environ.get("UV_CONFIG_FILE"):
        yield Path(named)
        return
    if project := _project_file(cwd):
        yield project
    home = Path(environ.get("HOME") or Path.home())
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv" / "uv.toml"
    if user.is_file():
        yield user
    system = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    candidates = [
        *(Path(folder) / "uv" / "uv.toml" for folder in system if folder),
        Path("/etc/uv/uv.toml"),
    ]
    yield from [path for path in candidates if path.is_file()][:1]


def _project_file(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        if (folder / "uv.toml").is_file():
            return folder / "uv.toml"
        project = folder / "pyproject.toml"
        if project.is_file() and _read(project):
            return project
    return None


def _read(path: Path) -> dict[str, Any]:
    """The settings in a uv.toml, or below ``[tool.uv]`` of a pyproject.toml."""
    try:
        table: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"uv's configuration file {path} cannot be read: {error}", path=str(path)) from error
    except toml.TOMLDecodeError as error:
        raise LockError(f"{path} is not TOML: {error}", path=str(path)) from error
    if path.name == "pyproject.toml":
        table = table.get("tool", {}).get("uv", {})
    return table


def _absolute(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """One file's settings with everything about indexes brought into two keys, and with absolute URLs."""
    pip = table.get("pip", {})
    indexes = [dict(i) for i in table.get("index", ()) if "url" in i]
    for part in (pip, table):
        indexes += [{"url": url} for url in part.get("extra-index-url", ())]
    for part in (pip, table):
        indexes += [{"url": part["index-url"], "default": True}] if "index-url" in part else []
    for index in indexes:
        index["url"] = _location(index["url"], folder)
    links = [_location(link, folder) for part in (pip, table) for link in part.get("find-links", ())]
    own = {**table, "index": indexes, "find-links": links}
    own["no-index"] = bool(table.get("no-index") or pip.get("no-index"))
    return {
        **own,
        **({"keyring-provider": pip["keyring-provider"]} if "keyring-provider" in pip else {}),
    }


def _from_environment(environ: Mapping[str, str], cwd: Path) -> dict[str, Any]:
    indexes = [_named(word) for word in environ.get("UV_INDEX", "").split()]
    indexes += [{"url": url} for url in environ.get("UV_EXTRA_INDEX_URL", "").split()]
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if value := environ.get(variable, "").strip():
            indexes.append({**_named(value), "default": True})
    for index in indexes:
        index["url"] = _location(index["url"], cwd)
    links = [link.strip() for link in environ.get("UV_FIND_LINKS", "").split(",") if link.strip()]
    return {"index": indexes, "find-links": [_location(link, cwd) for link in links]}


def _named(word: str) -> dict[str, Any]:
    """``name=url`` or ``url``."""
    name, equals, url = word.partition("=")
    if equals and "/" not in name and ":" not in name:
        return {"name": name, "url": url}
    return {"url": word}


def _location(value: str, folder: Path) -> str:
    """A URL as it is; a path, relative to the file that names it, as a file:// URL."""
    if urlsplit(value).scheme in ("http", "https", "file"):
        return value
    return Path(os.path.normpath(folder / Path(value).expanduser())).as_uri()
