"""Which conda packages have scripts that an installer runs when it links them.

Such a script writes wherever it likes: that a file is not its archive's any more may be its work.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from fastenv.scan.inventory import CondaPackage

__all__ = ["with_post_link", "with_pre_link"]


def with_post_link(packages: Iterable[CondaPackage], prefix: str) -> tuple[str, ...]:
    """Names of those that have one for when their files are in place; a node runs it, where the lock asks for that."""
    return _with(packages, prefix, "post-link")


def with_pre_link(packages: Iterable[CondaPackage], prefix: str) -> tuple[str, ...]:
    """Names of those that have one for before that, which changes the package itself; no node runs it."""
    return _with(packages, prefix, "pre-link")


def _with(packages: Iterable[CondaPackage], prefix: str, action: str) -> tuple[str, ...]:
    there = (it.name for it in packages if it.link_scripts)
    return tuple(name for name in there if os.path.isfile(f"{prefix}/bin/.{name}-{action}.sh"))
