"""The environment variables of conda-meta/state, without values that nobody must be told."""

from __future__ import annotations

import json
import re

__all__ = ["MASK", "variables_of"]

MASK = "***"
"""Stands for the value of what looks like a secret."""

_UNSET = "***unset***"
"""Conda's own: a package's variable is not to be set."""
_NAME = re.compile(
    r"TOKEN(?!IZ)|SECRET|PASSW|PASSPHRASE|(^|_)(PASS|PWD)$|CREDENTIAL|_KEY\b|APIKEY|ACCESS_?KEY|_AUTH(?!ORS?(_|$))",
    re.IGNORECASE,
)
_VALUE = re.compile(r"://[^/\s]*@|://[^/\s]+/t/[^/\s]|-----BEGIN [A-Z ]*PRIVATE KEY")
"""An address with a login or a channel's token, a key."""


def variables_of(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of name and value, sorted; what looks like a secret has ``MASK`` for its value.

    ``text`` is the file's. One that is no such file has no variables, and null is no value.
    """
    try:
        table = json.loads(text or "{}")
    except ValueError:
        return ()
    values = table.get("env_vars") if isinstance(table, dict) else None
    pairs = values.items() if isinstance(values, dict) else ()
    return tuple(sorted((name, _told(name, str(value))) for name, value in pairs if value is not None))


def _told(name: str, value: str) -> str:
    is_secret = value != _UNSET and (_NAME.search(name) or _VALUE.search(value))
    return MASK if is_secret else value
