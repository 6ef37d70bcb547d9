"""What a scan found: frozen values that travel as JSON.

The format is documented in docs/inventory.md. ``FORMAT`` grows whenever a field changes its
meaning, goes away or is added: a reader takes its own format only, and says so of any other.

Names are normalized ones (PEP 503) everywhere; only ``Distribution.display_name`` is as METADATA
spells it. All paths are absolute paths of the machine scanned, unless called an *install path*:
that is a path in the layout-free form of fastenv (``site/...``, ``headers/...`` or
``prefix/...``; see docs/inventory.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from fastenv.exceptions import ScanError
from fastenv.scan.json_value import decode, encode

__all__ = [
    "FORMAT",
    "Broken",
    "Claim",
    "CondaEnvironment",
    "CondaPackage",
    "Contested",
    "Distribution",
    "EntryPoint",
    "Interpreter",
    "Inventory",
    "Layer",
    "LeftOut",
    "Origin",
    "OriginKind",
    "Platform",
    "PthCode",
    "SearchPath",
    "Shadowed",
    "Stray",
    "SystemLibrary",
]

FORMAT = 3
_AGAIN = "scan the environment again: fastenv scan -o inventory.json"

Layer = Literal["env", "base", "user", "PYTHONPATH", ".pth"]
"""Where on the search path something lies: the scanned prefix itself (env), the interpreter that
a venv stands on (base), the user's own site-packages (user), a directory named by PYTHONPATH, or
one that a line of a .pth file adds."""

OriginKind = Literal["index", "vcs", "editable", "archive", "local-dir", "conda", "system", "unknown"]
MetadataFormat = Literal["dist-info", "egg-info", "egg"]
StrayKind = Literal["module", "file", "egg-info", "script", "leftover", "venv"]


@dataclass(frozen=True, slots=True)
class Platform:
    """The machine as the interpreter sees it: ``linux``, ``x86_64``, ``glibc``, ``2.36``.

    ``libc`` and ``libc_version`` are empty where they could not be told.
    """

    os: str
    arch: str
    libc: str
    libc_version: str


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The facts by which a node tells whether its interpreter is the same one.

    ``version`` is the full version with any pre-release suffix; ``build`` is
    platform.python_build() joined by ", ", then "; " and platform.python_compiler();
    ``base_executable`` is the interpreter below a venv, and the interpreter itself where there
    is none.
    """

    implementation: str
    version: str
    soabi: str
    cache_tag: str
    build: str
    executable: str
    base_executable: str
    prefix: str
    base_prefix: str

    @property
    def is_venv(self) -> bool:
        """Whether the environment stands on another prefix (PEP 405)."""
        return self.prefix != self.base_prefix

    @property
    def series(self) -> str:
        """``3.11`` for 3.11.7."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True, slots=True)
class SearchPath:
    """One entry of the interpreter's effective sys.path, in order.

    ``prefix`` is what rows of RECORD above the directory are relative to. ``added_by`` names the
    .pth file of a ``.pth`` entry and is empty for the others. ``site`` is whether installers
    write here; only these are searched for files that nobody owns.
    """

    path: str
    layer: Layer
    prefix: str
    site: bool
    added_by: str = ""


@dataclass(frozen=True, slots=True)
class PthCode:
    """A line of a .pth file that Python runs at start-up (``import ...``), and a scan does not."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a distribution came from, as PEP 610's direct_url.json, its installer or conda tell it.

    ``url`` has no user info. ``hashes`` are (algorithm, hex) of an archive. ``commit`` and
    ``revision`` (what was asked for) belong to ``vcs``. ``package`` is the conda package, as
    ``name-version-build``.
    """

    kind: OriginKind
    url: str = ""
    vcs: str = ""
    commit: str = ""
    revision: str = ""
    subdirectory: str = ""
    hashes: tuple[tuple[str, str], ...] = ()
    package: str = ""


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One line of entry_points.txt: ``name = value`` in the section ``group``."""

    group: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution: the one that an import system would find under its name.

    ``metadata_path`` is its .dist-info or .egg-info, ``location`` the search path entry that
    holds it. ``files`` and ``size`` (bytes) are what RECORD says, byte code apart.
    ``files_digest`` is None where there is no RECORD to compute it from. ``problems`` repeats
    the reasons under which the same path stands in ``Inventory.broken``.
    """

    name: str
    display_name: str
    version: str
    layer: Layer
    location: str
    metadata_path: str
    format: MetadataFormat
    origin: Origin
    installer: str
    requested: bool
    tags: tuple[str, ...]
    build: str
    files: int
    size: int
    files_digest: str | None
    requires_python: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """A package by its record in conda-meta; texts are empty, and ``size`` is None, where that does not tell.

    ``channel`` is a base URL (a name where no URL is known), ``url`` the archive's address; neither has a login, a
    token or a query, and ``has_secret`` tells that the record's had. ``size`` is the archive's, in bytes. ``noarch``
    is "python", "generic" or empty. ``requested`` are the match specs by which somebody asked for it, ``depends``
    those of what it needs, ``constrains`` of what others must be if they are there. ``shortcuts`` tells whether it
    has some for a desktop's menu. ``link_source`` is the folder that its files were linked from. ``files`` counts its
    files, byte code apart. ``record`` is the file of the record; ``problems`` repeats the reasons under which that
    stands in
    ``Inventory.broken``.
    """

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    noarch: str
    channel: str
    file_name: str
    url: str
    has_secret: bool
    md5: str
    sha256: str
    size: int | None
    requested: tuple[str, ...]
    depends: tuple[str, ...]
    constrains: tuple[str, ...]
    link_source: str
    link_scripts: bool
    shortcuts: bool
    site_packages: str
    files: int
    record: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CondaEnvironment:
    """The conda half of an environment.

    ``history`` is whether conda wrote of what was done to it, ``pinned`` the match specs in conda-meta/pinned,
    ``frozen`` the text of conda-meta/frozen, by which conda must not change it (CEP 22), or None. ``variables`` are
    those that activation sets by conda-meta/state; values that look like secrets are masked. ``activation`` are the
    scripts that activation and deactivation run, relative to the prefix.
    """

    prefix: str
    packages: tuple[CondaPackage, ...]
    history: bool
    pinned: tuple[str, ...]
    frozen: str | None
    variables: tuple[tuple[str, str], ...]
    activation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A second distribution of a name, that an import of its metadata does not reach.

    A conda package that another installer has replaced stands here with its record as the metadata.
    """

    name: str
    version: str
    layer: Layer
    metadata_path: str
    winner: str
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Metadata that is damaged, and all that is wrong with it; ``name`` may be a guess or empty."""

    path: str
    layer: Layer
    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stray:
    """A file or directory that no distribution owns. A directory stands for all that is below it.

    Kinds: ``module`` (can be imported), ``file``, ``egg-info`` (metadata without its modules),
    ``script`` (in bin/), ``leftover`` (of an interrupted uninstall), ``venv`` (written by the
    tool that made the venv).
    """

    path: str
    layer: Layer
    kind: StrayKind
    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What one distribution's RECORD, or a conda package's record, says of a contested path.

    ``name`` is ``conda:NAME`` for a conda package. ``sha256`` is hex, of the file as installed; empty if not known.
    """

    name: str
    sha256: str
    layer: Layer


@dataclass(frozen=True, slots=True)
class Contested:
    """An install path that several distributions or conda packages claim with different contents.

    A conda package's file that another installer removed is contested too: its winner claims it without a hash.

    ``winner`` is the name of the one whose bytes are in place; None when they are nobody's
    (edited, or the file is gone), which ``reason`` then says.
    """

    path: str
    winner: str | None
    claims: tuple[Claim, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SystemLibrary:
    """A library that shared objects of the environment need and the environment does not have.

    ``name`` is its soname. ``packages`` are who needs it: names of distributions, and ``conda:NAME``. ``path`` is
    where it is on this machine, empty if it is missing here, too. ``folders`` are absolute ones that the objects
    themselves name. ``versions`` are the newest versions of symbols that are wanted of glibc's and GCC's libraries;
    for a library of glibc ``packages`` are those that want them.
    """

    name: str
    packages: tuple[str, ...]
    path: str
    folders: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()

    @property
    def is_of_glibc(self) -> bool:
        """Whether it is one of glibc's libraries, of which only the version matters."""
        return any(version.startswith("GLIBC_") for version in self.versions)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A distribution that is there but is not part of the copy, and why."""

    name: str
    version: str
    layer: Layer
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All that a scan found.

    ``variables`` are the environment variables that bear on what is
    imported and loaded (PYTHONPATH, LD_LIBRARY_PATH, LOADEDMODULES...), as they were set.
    ``interpreter`` is None for a conda environment without python; ``conda`` for what is none of conda's.
    ``notes`` are sentences on what a scan could not place or did not follow.
    """

    format: int = FORMAT
    interpreter: Interpreter | None
    platform: Platform
    conda: CondaEnvironment | None
    variables: tuple[tuple[str, str], ...]
    search_path: tuple[SearchPath, ...]
    pth_code: tuple[PthCode, ...]
    distributions: tuple[Distribution, ...]
    shadowed: tuple[Shadowed, ...]
    broken: tuple[Broken, ...]
    strays: tuple[Stray, ...]
    contested: tuple[Contested, ...]
    libraries: tuple[SystemLibrary, ...] = ()
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The environment's prefix."""
        if self.interpreter is not None:
            return self.interpreter.prefix
        return "" if self.conda is None else self.conda.prefix

    def to_json(self) -> str:
        """The inventory as JSON text: ASCII, two-space indents, ends in a newline."""
        return json.dumps(encode(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, path: str | None = None) -> Inventory:
        """Read what ``to_json`` wrote.

        Raises ScanError, naming ``path``, when the text is no inventory or one of another format.
        """
        return decode(cls, _object(text, path), path=path)


def _object(text: str, path: str | None) -> object:
    """The JSON value in ``text``, once it is known to be an inventory of our format."""
    place = path or "the text"
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ScanError(f"{place} is not JSON: {error}", path=path) from error
    if not isinstance(data, dict) or "format" not in data:
        raise ScanError(f"{place} is not an inventory of fastenv: it has no format", path=path, hint=_AGAIN)
    if data["format"] != FORMAT:
        stated = f"{place} is an inventory of format {data['format']!r}"
        message = f"{stated}; this fastenv reads format {FORMAT}"
        raise ScanError(message, path=path, hint=_AGAIN)
    return data
