"""Values to the text of a lock: the same values always give the same text.

Written by hand, not by a TOML library: a library's next version may break lines elsewhere, and a lock is kept
under version control and compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fastenv.lock.conda_settings import CondaSettings
from fastenv.lock.locked_conda import LockedConda, LockedVirtual, to_table, virtual_to_table
from fastenv.lock.lockfile import (
    FORMAT,
    Ignored,
    Lock,
    LockedContested,
    LockedInterpreter,
    LockedLibrary,
    LockedOverlay,
    LockedPackage,
    LockedPlatform,
    compute_env_id,
)
from fastenv.lock.named_index import NamedIndex, named_to_table
from fastenv.lock.overlays import overlay_to_table

__all__ = ["compose", "render"]

_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}

_Value = str | int | bool | None | list[str]


def compose(
    *,
    platform: LockedPlatform,
    interpreter: LockedInterpreter | None,
    packages: Iterable[LockedPackage],
    conda: Iterable[LockedConda] = (),
    virtual: Iterable[LockedVirtual] = (),
    libraries: Iterable[LockedLibrary] = (),
    link_scripts: bool = False,
    overlays: Iterable[LockedOverlay] = (),
    settings: CondaSettings | None = None,
    indexes: Iterable[NamedIndex] = (),
    contested: Iterable[LockedContested] = (),
    ignored: Iterable[Ignored] = (),
    created_with: str,
) -> Lock:
    """A lock of these values, sorted, with its env id."""
    draft = Lock(
        text="",
        env_id="",
        requires_python=None if interpreter is None else f"=={_series(interpreter)}.*",
        created_with=created_with,
        platform=platform,
        interpreter=interpreter,
        packages=tuple(sorted(packages, key=lambda p: p.name)),
        contested=tuple(sorted(contested, key=lambda c: c.path.encode())),
        ignored=tuple(sorted(ignored, key=lambda i: (i.name, i.version, i.reason))),
        conda=tuple(sorted(conda, key=lambda p: p.name)),
        virtual=tuple(sorted(virtual, key=lambda v: (v.spec, v.optional))),
        libraries=tuple(sorted(libraries, key=lambda it: it.name)),
        link_scripts=link_scripts,
        overlays=tuple(overlays),
        settings=settings or CondaSettings(),
        indexes=tuple(sorted(indexes, key=lambda it: it.name)),
    )
    # the id is that of the text without one, so it is put in afterwards
    return Lock.parse(render(draft, env_id=compute_env_id(render(draft))))


def _series(interpreter: LockedInterpreter) -> str:
    return ".".join(interpreter.version.split(".")[:2])


def render(lock: Lock, *, env_id: str | None = None) -> str:
    """The text of a lock, from its values alone. ``env_id`` replaces the lock's own."""
    parts = [
        _pairs(
            {
                "lock-version": "1.0",
                "requires-python": lock.requires_python,
                "created-by": "fastenv",
            }
        ),
        *(_package(package) for package in lock.packages),
        _tool(lock, lock.env_id if env_id is None else env_id),
        *_settings(lock.settings),
        *(_table("[[tool.fastenv.conda]]", to_table(package)) for package in lock.conda),
        *(_table("[[tool.fastenv.virtual]]", virtual_to_table(row)) for row in lock.virtual),
        *(_library(library) for library in lock.libraries),
        *(_table("[[tool.fastenv.overlays]]", overlay_to_table(it)) for it in lock.overlays),
        *(_table("[[tool.fastenv.indexes]]", named_to_table(it)) for it in lock.indexes),
        *(
            _table(
                "[[tool.fastenv.contested]]",
                {"path": c.path, "winner": c.winner, "claimants": list(c.claimants)},
            )
            for c in lock.contested
        ),
        *(
            _table(
                "[[tool.fastenv.ignored]]",
                {"name": i.name, "version": i.version, "reason": i.reason},
            )
            for i in lock.ignored
        ),
    ]
    # PEP 751 requires `packages`; without one there is no [[packages]] table to stand for it
    if not lock.packages:
        parts[0] += "packages = []\n"
    return "\n".join(parts)


def _package(package: LockedPackage) -> str:
    own = {"name": package.name, "version": package.version, "index": package.index}
    wheel = _inline(
        {
            "name": package.filename,
            "url": package.url,
            "path": package.path,
            "size": package.size,
        },
        f'hashes = {{ sha256 = "{package.sha256}" }}',
    )
    tool = {
        "origin": package.origin,
        "index-name": package.index_name,
        "index-path": package.index_path,
        "reason": package.reason,
        "commit": package.commit,
        "requested": package.requested,
        "layer": package.layer,
        "files-digest": package.files_digest,
        "source-digest": package.source_digest,
        "extra": package.extra or None,
    }
    return "\n".join(
        [
            _table("[[packages]]", own) + f"wheels = [{{ {wheel} }}]\n",
            _table("[packages.tool.fastenv]", tool),
        ]
    )


def _tool(lock: Lock, env_id: str) -> str:
    platform = lock.platform
    own: dict[str, _Value] = {
        "format": FORMAT,
        "env-id": env_id,
        "created-with": lock.created_with,
        "link-scripts": lock.link_scripts or None,
    }
    tables = [
        _table("[tool.fastenv]", own),
        _table(
            "[tool.fastenv.platform]", {"os": platform.os, "arch": platform.arch, "glibc": platform.glibc}
        ),
    ]
    if lock.interpreter is not None:
        tables.append(_interpreter(lock.interpreter))
    return "\n".join(tables)


def _interpreter(interpreter: LockedInterpreter) -> str:
    return _table(
        "[tool.fastenv.interpreter]",
        {
            "implementation": interpreter.implementation,
            "version": interpreter.version,
            "soabi": interpreter.soabi,
            "build": interpreter.build,
            "executable": interpreter.executable,
            "source": None if interpreter.source == "node" else interpreter.source,
            "site-packages": interpreter.site_packages,
        },
    )


def _settings(settings: CondaSettings) -> list[str]:
    variables: dict[str, _Value] = dict(settings.variables)
    meta: dict[str, _Value] = {"pinned": list(settings.pinned) or None, "frozen": settings.frozen}
    tables = {"[tool.fastenv.variables]": variables, "[tool.fastenv.conda-meta]": meta}
    return [_table(head, values) for head, values in tables.items() if _pairs(values)]


def _library(library: LockedLibrary) -> str:
    return _table(
        "[[tool.fastenv.libraries]]",
        {
            "name": library.name,
            "packages": list(library.packages),
            "versions": list(library.versions) or None,
            "folders": list(library.folders) or None,
            "optional": library.optional or None,
        },
    )


def _table(head: str, values: Mapping[str, _Value]) -> str:
    return f"{head}\n{_pairs(values)}"


def _pairs(values: Mapping[str, _Value]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items() if value is not None)


def _inline(values: Mapping[str, _Value], last: str) -> str:
    return ", ".join(
        [*(f"{key} = {_toml(value)}" for key, value in values.items() if value is not None), last]
    )


def _toml(value: _Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    """A basic string of TOML: what must be escaped is."""
    return (
        '"' + re.sub(r'[\x00-\x1f\x7f"\\]', lambda m: _ESCAPES.get(m[0], f"\\u{ord(m[0]):04x}"), text) + '"'
    )
