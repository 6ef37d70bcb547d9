"""What pip is told about indexes: its configuration files and its environment variables.

uv reads none of this, so it is read here and handed on. The levels and their order are those of pip's own
documentation ("Configuration"): global, user, the environment's own, the
file that PIP_CONFIG_FILE names; in each, ``[global]`` below ``[download]`` below ``[install]``; above all of
them the variables ``PIP_*``.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastenv.exceptions import LockError

__all__ = ["PipSettings", "pip_config_files", "read_pip_settings"]

_SECTIONS = ("global", "download", "install")
_TRUE = ("1", "y", "yes", "t", "true", "on")


@dataclass(frozen=True)
class PipSettings:
    """pip's index settings; URLs may hold passwords, so they are not in the repr."""

    index_url: str | None = field(default=None, repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = field(default=None, repr=False)
    keyring_provider: str | None = None


def read_pip_settings(*, prefix: Path | None, environ: Mapping[str, str]) -> PipSettings:
    """Pip's settings as a pip in ``prefix`` would find them.

    Raises LockError, naming the file, where a configuration file cannot be parsed.
    """
    values: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for path in pip_config_files(prefix=prefix, environ=environ):
        for section, items in _parse(path).items():
            values[section].update(items)
    merged = {key: value for section in _SECTIONS for key, value in values[section].items() if value}
    merged.update(_variables(environ))
    return _settings(merged)


def pip_config_files(*, prefix: Path | None, environ: Mapping[str, str]) -> Iterator[Path]:
    """The configuration files that exist, the weakest first."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    system = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    candidates = [Path(folder) / "pip" / "pip.conf" for folder in system.split(os.pathsep) if folder]
    candidates.append(Path("/etc/pip.conf"))
    if not (named and Path(named).exists()):
        user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        candidates += [home / ".pip" / "pip.conf", user / "pip" / "pip.conf"]
    if prefix is not None:
        candidates.append(prefix / "pip.conf")
    if named:
        candidates.append(Path(named))
    yield from (path for path in candidates if path.is_file())


def _parse(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"pip's configuration file {path} cannot be read: {error}", path=str(path)) from error
    except configparser.Error as error:
        # the parser's own words quote the line, which may hold a password
        raise LockError(
            f"pip's configuration file {path} cannot be parsed ({type(error).__name__})",
            path=str(path),
            hint="`pip config debug` shows what pip makes of it",
        ) from error
    sections = [s for s in _SECTIONS if parser.has_section(s)]
    return {s: {_key(k): v.strip() for k, v in parser.items(s)} for s in sections}


def _key(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {_key(k[4:]): v.strip() for k, v in environ.items() if k.startswith("PIP_") and v.strip()}


def _settings(values: Mapping[str, str]) -> PipSettings:
    no_index = values.get("no-index", "").lower() in _TRUE
    return PipSettings(
        # pip drops every index, extra ones too, where no-index is set
        index_url=None if no_index else values.get("index-url") or values.get("pypi-url"),
        extra_index_urls=() if no_index else tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        no_index=no_index,
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        cert=values.get("cert"),
        client_cert=values.get("client-cert"),
        proxy=values.get("proxy"),
        keyring_provider=values.get("keyring-provider"),
    )
