"""The files below a folder, also behind links to folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

__all__ = ["files_below"]


def files_below(
    folder: str, is_passed: Callable[[str, str], bool], _above: tuple[str, ...] = ()
) -> Iterator[str]:
    """Paths of all files relative to ``folder``, sorted folder by folder.

    A folder is passed over if ``is_passed`` says so of it and its name. Links to folders are followed, but for those
    that lead to a folder that they are in. Raises OSError.
    """
    real = os.path.realpath(folder)
    if real in _above:
        return
    for it in sorted(os.scandir(folder), key=lambda it: it.name):
        if it.is_dir():
            if not is_passed(it.path, it.name):
                inner = files_below(it.path, is_passed, (*_above, real))
                yield from (f"{it.name}/{path}" for path in inner)
        elif it.is_file():
            yield it.name
