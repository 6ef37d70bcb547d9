"""Fixtures of the tests of scan."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.scan.environment import Environment, clean
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_environment(tmp_path: Path) -> Callable[..., Environment]:
    """A function that makes venvs; its words go to ``uv venv``."""

    def make(name: str = "env", *words: str) -> Environment:
        prefix = tmp_path / name
        command = [find_uv_bin(), "venv", "--quiet", "--no-project", "--python", sys.executable]
        subprocess.run([*command, *words, str(prefix)], check=True, env=clean())
        return Environment(prefix, tmp_path / "wheels")

    return make


@pytest.fixture
def environment(make_environment: Callable[..., Environment]) -> Environment:
    """An empty venv."""
    return make_environment()
