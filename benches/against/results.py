"""The raw results as JSON, for the repository: anyone may read them, so they name no host and no path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benches.against.figure import Figure, Outcome

__all__ = ["FORMAT", "file_name", "keep", "leaks", "text"]

FORMAT = 1


def keep(folder: Path, name: str, about: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Path:
    """Write what was measured just now into ``folder``; the file. The parameters are those of ``text``."""
    now = datetime.now(tz=timezone.utc)
    folder.mkdir(exist_ok=True)
    path = folder / file_name(now, name)
    path.write_text(text(now, about, outcomes), encoding="utf-8")
    return path


def file_name(date: datetime, name: str) -> str:
    """Sorts by date."""
    return f"{date:%Y-%m-%dT%H-%M-%SZ}-{name}.json"


def text(date: datetime, about: Mapping[str, Any], outcomes: Sequence[Outcome]) -> str:
    """The file's text; ``about``: machine, versions, set and conditions, already free of names."""
    whole = {
        "format": FORMAT,
        "date": f"{date:%Y-%m-%dT%H:%M:%SZ}",
        **about,
        "rows": [_row(it) for it in outcomes],
    }
    found = list(leaks(whole))
    if found:
        raise ValueError(f"not for everyone to read: {found}")
    return json.dumps(whole, indent=1) + "\n"


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        **asdict(outcome.row),
        "verdict": outcome.verdict,
        "why": outcome.reason,
        "median": _rounded(outcome.median),
        "rounds": [_figure(figure) for figure in outcome.figures],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "figure": _rounded(figure.value),
        "ours": [_rounded(value) for value in figure.ours],
        "peer": [_rounded(value) for value in figure.peer],
        "facts": {name: _rounded(value) for name, value in figure.facts.items()},
    }


def _rounded(value: float | None) -> float | None:
    return value if value is None else float(f"{value:.6g}")


def leaks(value: Any) -> Iterator[str]:
    """Texts in it that look like an absolute path, an address or a host."""
    if isinstance(value, str):
        if re.search(r"(^|[\s'\"=:(])~?/\w|://|\d+\.\d+\.\d+\.\d+:\d|\w@\w|\blocalhost\b", value):
            yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaks(key)
            yield from leaks(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from leaks(inner)
