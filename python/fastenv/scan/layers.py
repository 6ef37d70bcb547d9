"""The effective search path: what sys.path would be for the user, each entry with its layer.

The order is that of CPython: PYTHONPATH, the standard library, then what the site module adds (a
venv's own site-packages, the user's, the base interpreter's), each directory followed by what
its .pth files name. https://docs.python.org/3/library/site.html. Lines of .pth files that are
code are recorded, never run.
"""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastenv.scan.inventory import Layer, PthCode, SearchPath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastenv.scan.interpreter import Facts

__all__ = ["Walked", "prefix_of", "search_path"]

_OF_OVERLAYS = "fastenv-overlays.pth"
"""What fastenv writes into a copy, so that loose code stands where it stood (rust/finish/overlays.rs)."""
_OVERLAYS = re.compile(r"import sys; sys\.path\[:\] = dict\.fromkeys\((\[.*\]) \+ sys\.path \+ (\[.*\])\)")
_SITE_DIRECTORY = re.compile(r"/(?:lib|lib64|local/lib)/(?:python|pypy)[\d.]*t?/(?:site|dist)-packages$")


@dataclass(slots=True)
class Walked:
    """The search path as it grows, the code in .pth files, and what to tell the user."""

    entries: list[SearchPath] = field(default_factory=list)
    pth_code: list[PthCode] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def add(self, path: str, layer: Layer, *, site: bool, added_by: str = "") -> bool:
        """Append ``path`` unless it is there already, by whatever name, or is no directory."""
        path = os.path.abspath(path)
        real = os.path.realpath(path)
        if real in self._seen or not os.path.isdir(path):
            return False
        self._seen.add(real)
        self.entries.append(SearchPath(path, layer, prefix_of(path), site, added_by))
        return True

    def add_site(self, path: str, layer: Layer) -> None:
        """Append a site directory and, as site.addsitedir does, what its .pth files name."""
        if not self.add(path, layer, site=True):
            return
        try:
            names = sorted(os.listdir(path))
        except OSError:
            # distributions.py, which lists it again, tells the user.
            return
        for name in names:
            if name.endswith(".pth") and not name.startswith("."):
                self._pth(path, os.path.join(path, name))

    def _pth(self, folder: str, file: str) -> None:
        try:
            with open(file, encoding="utf-8-sig", errors="surrogateescape") as lines:
                text = lines.read()
        except OSError as error:
            self.notes.append(f"{file} cannot be read ({error.strerror}): what it adds is not known")
            return
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("#") or not line.strip():
                continue
            overlays = _OVERLAYS.fullmatch(line) if os.path.basename(file) == _OF_OVERLAYS else None
            if overlays is not None:
                self._overlays(overlays, file)
            elif line.startswith(("import ", "import\t")):
                self.pth_code.append(PthCode(file, number, line.strip()))
            else:
                self._named(folder, line.rstrip(), file)

    def _named(self, folder: str, line: str, file: str) -> None:
        """Append what a plain line of a .pth file names."""
        target = os.path.join(folder, line)
        if os.path.isfile(target):
            self.notes.append(f"{file} adds {target}, an archive: it was not looked into")
        elif "\0" not in target:
            self.add(target, ".pth", site=False, added_by=file)

    def _overlays(self, line: re.Match[str], file: str) -> None:
        """Enter the loose code of a copy at its places: before everything else, and here."""
        try:
            front, back = (ast.literal_eval(text) for text in line.groups())
        except (ValueError, SyntaxError):
            self.notes.append(f"{file} is damaged: what it adds is not known")
            return
        before, self.entries = self.entries, []
        for path in front:
            self.add(str(path), ".pth", site=False, added_by=file)
        self.entries += before
        for path in back:
            self.add(str(path), ".pth", site=False, added_by=file)


def search_path(facts: Facts, environ: Mapping[str, str], *, only_env: bool = False) -> Walked:
    """The search path of ``facts``' interpreter started by a user with ``environ``.

    ``only_env`` keeps the environment's own site directories and what their .pth files add.
    """
    walked = Walked()
    if not only_env:
        _pythonpath(walked, environ)
        for path in facts.library:
            walked.add(path, "base" if facts.interpreter.is_venv else "env", site=False)
    # A venv's own site comes before the user's; that of a bare interpreter comes after it.
    groups: list[tuple[Layer, tuple[str, ...]]] = [
        ("env", facts.own_sites),
        ("base", facts.base_sites),
    ]
    if not facts.isolated and not environ.get("PYTHONNOUSERSITE"):
        groups.insert(1 if facts.interpreter.is_venv else 0, ("user", (facts.user_site,)))
    for layer, paths in groups:
        if layer == "env" or not only_env:
            for path in paths:
                walked.add_site(path, layer)
    return walked


def prefix_of(site: str) -> str:
    """The prefix that a site directory belongs to: what precedes ``lib/pythonX.Y/site-packages``.

    A directory of another form (``pip install --target``, a source tree) is its own prefix.
    """
    match = _SITE_DIRECTORY.search(site)
    if match is None:
        return site
    # Debian's /usr/local/lib/python3.11/dist-packages belongs to /usr/local, whose bin it fills.
    return site[: match.start()] + ("/local" if match[0].startswith("/local/") else "") or "/"


def _pythonpath(walked: Walked, environ: Mapping[str, str]) -> None:
    value = environ.get("PYTHONPATH", "")
    for path in value.split(os.pathsep) if value else ():
        # An empty component is the current directory, as in PATH.
        if os.path.isfile(path):
            walked.notes.append(f"PYTHONPATH names {path}, an archive: it was not looked into")
        elif not os.path.isdir(path or "."):
            walked.notes.append(f"PYTHONPATH names {path}, which is not there")
        else:
            walked.add(path or ".", "PYTHONPATH", site=False)
