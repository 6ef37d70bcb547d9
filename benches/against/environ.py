"""The variables that both sides run with: those of a user who has set nothing."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["environ"]


def environ(home: Path) -> dict[str, str]:
    """Nothing of whoever runs this: no certificates folder, no settings of pip, uv, fastenv or Python.

    PATH is the system's: neither side is to find the virtual environment that runs the benchmark.
    """
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
