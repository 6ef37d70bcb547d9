"""What the figures were measured with: the machine and the versions, and nothing that names either's owner."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from benches.against.ground import Ground

__all__ = ["machine", "versions"]


def machine(setting: Ground) -> dict[str, str | int | float]:
    """Processor, memory, kernel and file system."""
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
        "file_system": setting.disks.kind,
    }


def versions(setting: Ground, peer: str) -> list[str]:
    """``name==version`` of both sides and of what they ran on."""
    said = subprocess.run([setting.node, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = "+changed" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return [
        f"fastenv=={said.split()[-1]}",
        *([f"commit=={commit}{changed}"] if commit else []),
        peer,
        f"{platform.python_implementation().lower()}=={platform.python_version()}",
        setting.site.software,
    ]


def _git(*words: str) -> str:
    try:
        ended = subprocess.run(
            ["git", *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return ""
    return ended.stdout.strip()
