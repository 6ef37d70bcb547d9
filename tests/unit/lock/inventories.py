"""Small inventories for tests of the lock."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from fastenv.scan.inventory import CondaPackage, Distribution, Interpreter, Inventory, Origin, Platform

__all__ = ["conda_package", "distribution", "inventory"]

_DISTRIBUTION = Distribution(
    name="alpha",
    display_name="alpha",
    version="1.0",
    layer="env",
    location="/env/lib/python3.11/site-packages",
    metadata_path="/env/lib/python3.11/site-packages/alpha-1.0.dist-info",
    format="dist-info",
    origin=Origin("index"),
    installer="pip",
    requested=True,
    tags=("py3-none-any",),
    build="",
    files=3,
    size=100,
    files_digest="0" * 64,
    requires_python="",
    requires=(),
    extras=(),
    entry_points=(),
)
_INTERPRETER = Interpreter(
    implementation="cpython",
    version="3.11.7",
    soabi="cpython-311-x86_64-linux-gnu",
    cache_tag="cpython-311",
    build="main, Mar  3 2026, 10:00:00; GCC 12.2.0",
    executable="/env/bin/python",
    base_executable="/usr/bin/python3.11",
    prefix="/env",
    base_prefix="/usr",
)


def distribution(name: str = "alpha", version: str = "1.0", **changes: Any) -> Distribution:
    """A distribution from an index, with what ``changes`` says."""
    info = f"{_DISTRIBUTION.location}/{name}-{version}.dist-info"
    named = replace(_DISTRIBUTION, name=name, display_name=name, version=version, metadata_path=info)
    return replace(named, **changes)


def conda_package(name: str, *depends: str) -> CondaPackage:
    """A conda package of which nothing else is known."""
    empty: dict[str, Any] = {"str": "", "bool": False, "int": 0, "int | None": None}
    values = {field.name: empty.get(str(field.type), ()) for field in fields(CondaPackage)}
    return CondaPackage(**{**values, "name": name, "version": "1", "build": "0", "depends": depends})


def inventory(*distributions: Distribution, **changes: Any) -> Inventory:
    """An inventory of them, on CPython 3.11.7."""
    empty: dict[str, Any] = dict.fromkeys(
        (
            "variables",
            "search_path",
            "pth_code",
            "shadowed",
            "broken",
            "strays",
            "contested",
            "left_out",
            "notes",
        ),
        (),
    )
    facts = {
        "interpreter": _INTERPRETER,
        "platform": Platform("linux", "x86_64", "glibc", "2.36"),
        "conda": None,
        "distributions": distributions,
    }
    return Inventory(**{**empty, **facts, **changes})
