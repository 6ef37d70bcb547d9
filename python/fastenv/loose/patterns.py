"""Patterns of paths, as .gitignore has them (gitignore(5) of git's manual is the source of the rules)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Patterns"]


@dataclass(frozen=True)
class Patterns:
    """Lines of patterns: one without a slash matches a name at any depth, else the path from the folder on.

    ``*``, ``?`` and ``[...]`` stay within a component, ``**`` does not; a final slash is for folders alone; ``!`` takes
    back what a line before has said. What matches a folder holds for all below it.
    """

    lines: tuple[str, ...]

    @cached_property
    def _rules(self) -> tuple[_Rule, ...]:
        return tuple(_rules(self.lines))

    def match(self, path: str) -> bool:
        """Whether a file's path (relative, with slashes) or a folder above it matches."""
        if not self._rules:
            return False
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts)))
        return any(self._says(folder, is_folder=True) for folder in above) or self._says(
            path, is_folder=False
        )

    def match_folder(self, path: str) -> bool:
        """The same for a folder, those above it apart."""
        return self._says(path, is_folder=True)

    def _says(self, path: str, *, is_folder: bool) -> bool:
        for rule in reversed(self._rules):  # the last that matches decides
            if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(path):
                return not rule.taken_back
        return False


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    folders_only: bool
    taken_back: bool


def _rules(lines: Iterable[str]) -> Iterator[_Rule]:
    for raw in lines:
        line = raw.rstrip("\r\n")
        line = line if line.endswith("\\ ") else line.rstrip(" ")
        if not line or line.startswith("#"):
            continue
        taken_back = line.startswith("!")
        line = line.removeprefix("!").removeprefix("./")
        folders_only = line.endswith("/")
        bare = line.rstrip("/")
        if bare:
            beginning = "" if "/" in bare else "(?:.*/)?"
            try:
                pattern = re.compile(beginning + _translated(bare.removeprefix("/")), re.DOTALL)
            except re.error:  # [z-a]
                continue
            yield _Rule(pattern, folders_only, taken_back)


_PIECES = re.compile(r"\*\*/|/\*\*$|\*+|\?|\[!?\]?[^\]]+\]|\\.|.", re.DOTALL)


def _translated(glob: str) -> str:
    return "".join(_piece(match[0]) for match in _PIECES.finditer(glob))


def _piece(text: str) -> str:
    fixed = {"**/": "(?:.*/)?", "/**": "/.*", "?": "[^/]"}
    if text in fixed:
        return fixed[text]
    if text.startswith("*"):
        return "[^/]*"
    if text.startswith("[") and len(text) > 1:
        negated = text[1] in "!^"
        inner = re.sub(r"([\\\[\]])", r"\\\1", text[1 + negated : -1])
        return f"(?!/)[{'^' if negated else ''}{inner}]"
    return re.escape(text[-1] if text.startswith("\\") else text)
