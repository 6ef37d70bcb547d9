"""The conda half of a lock as values, and as tables of TOML.

What may stand in them the core checks (rust/lock/conda.rs): whoever reads a lock computes its env id there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "LockedConda",
    "LockedVirtual",
    "conda_name",
    "from_table",
    "to_table",
    "virtual_from_table",
    "virtual_to_table",
]


@dataclass(frozen=True)
class LockedConda:
    """One conda package. Exactly one of ``url`` and ``path`` (relative to the lock) is given; ``size`` in bytes.

    ``index_path`` is where on the host that is called ``index_name`` a node with a login of its own gets it.
    ``channel`` is a base URL, None if it is not public. ``noarch`` is "python", "generic" or None. ``requested``:
    the match specs by which somebody asked for it. ``link_scripts``: whether it has any.
    """

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    filename: str
    sha256: str
    url: str | None = None
    path: str | None = None
    index_name: str | None = None
    index_path: str | None = None
    channel: str | None = None
    md5: str | None = None
    size: int | None = None
    noarch: str | None = None
    requested: tuple[str, ...] = ()
    link_scripts: bool = False

    @property
    def travels(self) -> bool:
        """Whether its bytes lie beside the lock."""
        return self.path is not None and self.index_path is None


@dataclass(frozen=True)
class LockedVirtual:
    """What conda packages want of the node: ``spec`` is a match spec of a virtual package (``__glibc >=2.17``).

    ``optional``: a node may be without it, but if it has it, it must be so (conda's ``constrains``).
    """

    spec: str
    packages: tuple[str, ...]
    optional: bool = False


_KEYS: dict[str, tuple[str, type]] = {
    # key of the table: field, type; in the order in which they are written
    "name": ("name", str),
    "version": ("version", str),
    "build": ("build", str),
    "build-number": ("build_number", int),
    "subdir": ("subdir", str),
    "channel": ("channel", str),
    "file-name": ("filename", str),
    "url": ("url", str),
    "path": ("path", str),
    "index-name": ("index_name", str),
    "index-path": ("index_path", str),
    "size": ("size", int),
    "sha256": ("sha256", str),
    "md5": ("md5", str),
    "noarch": ("noarch", str),
    "requested": ("requested", list),
    "link-scripts": ("link_scripts", bool),
}
_ALWAYS = ("name", "version", "build", "build-number", "subdir", "file-name", "sha256")


def conda_name(name: str) -> str:
    """How a conda package is called where a wheel of the same name could be meant."""
    return f"conda:{name}"


def to_table(package: LockedConda) -> dict[str, Any]:
    """Keys and values in the order of the file; what is not known or not so is left out."""
    values = {key: getattr(package, field) for key, (field, _) in _KEYS.items()}
    values["requested"] = list(package.requested) or None
    values["link-scripts"] = package.link_scripts or None
    return values


def from_table(row: Mapping[str, Any]) -> LockedConda:
    """The package of ``[[tool.fastenv.conda]]``. Raises ValueError with what is wrong, without a place."""
    values: dict[str, Any] = {}
    for key, (field, kind) in _KEYS.items():
        value = row.get(key)
        if value is None:
            if key in _ALWAYS:
                raise ValueError(f"{key} is missing")
            continue
        if type(value) is not kind:
            raise ValueError(f"{key} is {type(value).__name__}, not {kind.__name__}")
        values[field] = _texts(key, value) if isinstance(value, list) else value
    return LockedConda(**values)


def virtual_from_table(row: Mapping[str, Any]) -> LockedVirtual:
    """The row of ``[[tool.fastenv.virtual]]``. Raises ValueError with what is wrong, without a place."""
    spec, packages = row.get("spec"), row.get("packages")
    if not isinstance(spec, str):
        raise ValueError("spec is missing")
    if not isinstance(packages, list):
        raise ValueError(f"{spec}: packages is missing")
    optional = row.get("optional", False)
    if type(optional) is not bool:
        raise ValueError(f"{spec}: optional is {type(optional).__name__}, not bool")
    return LockedVirtual(spec, _texts("packages", packages), optional)


def virtual_to_table(row: LockedVirtual) -> dict[str, Any]:
    """Keys and values in the order of the file."""
    return {"spec": row.spec, "packages": list(row.packages), "optional": row.optional or None}


def _texts(key: str, value: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} is not a list of strings")
    return tuple(value)
