"""The environment variables that a child process is given: all but credentials that it does not need.

The core's children are given the same (``rust/surroundings.rs``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["without_credentials", "without_index_settings"]

_WORDS = re.compile(r"PASSW|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_KEY|PROXY$")
_OF_INSTALLERS = re.compile(
    r"(UV|PIP|TWINE|POETRY|PDM|HATCH|FASTENV_INDEX)_(.*)(INDEX|REPOSITOR|FIND_LINKS|PUBLISH|URL|AUTH)"
    r"|FASTENV_INDEX_"
)
"""Settings among which are addresses with a login."""
_LOGIN = re.compile(r"://[^/\s]*@")


def without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that by their names, or by an address with a login in them, are credentials."""
    return {
        name: value
        for name, value in environ.items()
        if not (_WORDS.search(name.upper()) or _OF_INSTALLERS.match(name.upper()) or _LOGIN.search(value))
    }


def without_index_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without installers' settings: for a program that keeps credentials, and may need its own."""
    return {name: value for name, value in environ.items() if not _OF_INSTALLERS.match(name.upper())}
