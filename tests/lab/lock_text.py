"""Locks without wheels, written by hand."""

from __future__ import annotations

from fastenv._core import compute_env_id

__all__ = ["lock_text"]

_HEAD = """\
lock-version = "1.0"
created-by = "fastenv"
packages = []

[tool.fastenv]
format = 1
env-id = "{env_id}"
created-with = "0.1.0"
{head}

[tool.fastenv.platform]
os = "linux"
arch = "x86_64"
"""


def lock_text(tables: str, *, head: str = "") -> str:
    """A lock of these tables, with its env id. ``head`` are lines of ``[tool.fastenv]``."""

    def text(env_id: str) -> str:
        return _HEAD.format(env_id=env_id, head=head) + tables

    return text(compute_env_id(text("")))
