"""Tiny shared objects by the machine's C compiler: a library, and an object that needs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["compile_shared"]


def compile_shared(target: Path, source: str, *options: str) -> Path:
    """The C source as a shared object at ``target``; ``-l:NAME`` among the options links against a library."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-shared", "-fPIC", "-nostartfiles", "-x", "c", "-", "-o", str(target)]
    subprocess.run(
        [*command, "-x", "none", *options], input=source, text=True, check=True, capture_output=True
    )
    return target
