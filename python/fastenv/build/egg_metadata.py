"""The metadata of an .egg-info in the form of a .dist-info.

https://setuptools.pypa.io/en/latest/deprecated/python_eggs.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from fastenv.scan.inventory import Distribution
from fastenv.scan.metadata import headers

__all__ = ["egg_metadata"]

_KEPT = ("entry_points.txt", "top_level.txt", "namespace_packages.txt")


def egg_metadata(it: Distribution) -> Iterator[tuple[str, bytes]]:
    """Names and texts of files for the .dist-info of ``it``. Raises OSError."""
    single = os.path.isfile(it.metadata_path)
    with open(it.metadata_path if single else f"{it.metadata_path}/PKG-INFO", "rb") as stream:
        yield "METADATA", _with_requirements(stream.read(), it)
    for name in _KEPT:
        path = f"{it.metadata_path}/{name}"
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                yield name, stream.read()


def _with_requirements(text: bytes, it: Distribution) -> bytes:
    """PKG-INFO; what only requires.txt has of requirements is added to it."""
    said = headers(text.decode("utf-8", "replace"))
    if said.get("requires-dist") or not it.requires:
        return text
    extras = sorted({extra for line in it.requires for extra in _extras(line)} - set(it.extras))
    lines = [f"Provides-Extra: {extra}\n" for extra in extras]
    lines += [f"Requires-Dist: {requirement}\n" for requirement in it.requires]
    head, blank, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    return head.rstrip(b"\n") + b"\n" + "".join(lines).encode() + (b"\n" + body if blank else b"")


def _extras(requirement: str) -> Iterator[str]:
    _, mark, rest = requirement.partition('extra == "')
    if mark:
        yield rest.partition('"')[0]
