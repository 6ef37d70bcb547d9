"""What the figures were measured with: the machine and the versions, and nothing that names either's owner."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

__all__ = ["machine", "versions"]


def machine(file_system: str) -> dict[str, str | int | float]:
    """Processor, memory and kernel; and the file system, as the caller calls it."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", info, flags=re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.*)$", info, flags=re.MULTILINE)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model[1] if model else platform.machine(),
        "sha_instructions": "yes" if flags and "sha_ni" in flags[1].split() else "no",
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(pages / 1e9, 1),
        "kernel": re.sub(r"[^\d.].*", "", platform.release()),
        "file_system": file_system,
    }


def versions(node: Path, *others: str) -> list[str]:
    """``name==version`` of fastenv, whose node program is ``node``, of ``others``, and of what they ran on."""
    said = subprocess.run([node, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = "+changed" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return [
        f"fastenv=={said.split()[-1]}",
        *([f"commit=={commit}{changed}"] if commit else []),
        *others,
        f"{platform.python_implementation().lower()}=={platform.python_version()}",
    ]


def _git(*words: str) -> str:
    try:
        ended = subprocess.run(
            ["git", *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return ""
    return ended.stdout.strip()
