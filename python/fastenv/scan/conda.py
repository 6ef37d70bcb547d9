"""What conda's own records say of a prefix: its packages, their files, and so which distributions are its.

Files are read and nothing is run: conda itself removes the records of packages that pip has changed as soon as it
looks at them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from fastenv.exceptions import ScanError
from fastenv.scan.conda_record import CondaFile, CondaRecord, read_record
from fastenv.scan.conda_state import variables_of
from fastenv.scan.duplicates import file_sha256
from fastenv.scan.inventory import Broken, CondaEnvironment
from fastenv.scan.metadata import read_text
from fastenv.scan.record import Record

__all__ = ["CondaPrefix", "environment_of", "read_conda"]

_ACTIVATION = ("etc/conda/activate.d", "etc/conda/deactivate.d")


@dataclass(slots=True)
class CondaPrefix:
    """The records of one prefix; ``site`` is its site-packages, relative to it, empty without python.

    ``paths`` are relative to site-packages, each with the file and the stem of the record that names it.
    ``requested`` are the stems of what a user asked for by name.
    """

    prefix: str
    site: str
    records: list[CondaRecord] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    paths: dict[str, tuple[CondaFile, str]] = field(default_factory=dict)
    requested: set[str] = field(default_factory=set)

    def package_of(self, metadata_path: str, names: set[str]) -> str:
        """The package that installed the .dist-info or .egg-info at ``metadata_path``; "" if conda did not.

        ``names`` are the files in that directory. Where another installer has put the same version there again, the
        record still names the directory; but RECORD is another then, and there may be files of which conda knows
        nothing.
        """
        folder = f"{self.prefix}/{self.site}/"
        if not self.site or not metadata_path.startswith(folder):
            return ""
        name = metadata_path.removeprefix(folder)
        owner = next(
            (
                self.paths[path][1]
                for path in (name, f"{name}/METADATA", f"{name}/PKG-INFO")
                if path in self.paths
            ),
            "",
        )
        if any(it in names and f"{name}/{it}" not in self.paths for it in ("REQUESTED", "direct_url.json")):
            return ""
        return "" if owner and self._is_another(f"{name}/RECORD") else owner

    def install_path(self, path: str) -> str:
        """The install path of a path that is relative to the prefix."""
        below = f"{self.site}/"
        return f"site/{path[len(below) :]}" if self.site and path.startswith(below) else f"prefix/{path}"

    def installs(self, record: Record) -> list[str]:
        """The install paths of a RECORD; headers, for which conda has no word, as conda would call them."""
        return [
            self._header(record, at) if install.startswith("headers/") else install
            for at, install in enumerate(record.installs)
        ]

    def _header(self, record: Record, at: int) -> str:
        file = record.file(record.paths[at], record.installs[at])
        root = f"{self.prefix}/"
        return f"prefix/{file[len(root) :]}" if file.startswith(root) else record.installs[at]

    def _is_another(self, path: str) -> bool:
        """Whether the file in site-packages is not the one that the record speaks of, as far as that tells."""
        file = self.paths[path][0] if path in self.paths else None
        if file is None or not (file.installed or file.sha256):
            return False
        found = file_sha256(f"{self.prefix}/{self.site}/{path}")
        return bool(found) and found not in (file.installed, file.sha256)


def read_conda(prefix: str, site: str) -> CondaPrefix | None:
    """The records of the conda environment at ``prefix``, whose site-packages is at ``site``; None if it is none.

    ``site`` is an absolute path, or empty in an environment without python. Raises ScanError where conda-meta can't be
    read; records that can't are in ``broken``.
    """
    folder = os.path.join(prefix, "conda-meta")
    if not os.path.isdir(folder):
        return None
    root = f"{prefix.rstrip('/')}/"
    found = CondaPrefix(prefix.rstrip("/"), site.removeprefix(root) if site.startswith(root) else "")
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ScanError(f"{folder} cannot be read: {error.strerror}", path=folder) from error
    for name in names:
        if name.endswith(".json"):
            _take(found, os.path.join(folder, name), name.removesuffix(".json"))
    _mark_twice(found)
    for record in found.records:
        if record.package.requested:
            found.requested.add(record.stem)
        below = f"{found.site}/"
        for file in record.files if found.site else ():
            if file.path.startswith(below):
                found.paths[file.path[len(below) :]] = (file, record.stem)
    return found


def _take(found: CondaPrefix, path: str, stem: str) -> None:
    outcome = read_record(path, found.site)
    if isinstance(outcome, CondaRecord):
        found.records.append(outcome)
    else:
        guess = stem.rsplit("-", 2)[0]
        found.broken.append(Broken(path, "env", f"conda:{guess}", outcome))


def _mark_twice(found: CondaPrefix) -> None:
    """A name has one record: with two, an update was interrupted."""
    stems: dict[str, list[str]] = {}
    for record in found.records:
        stems.setdefault(record.package.name, []).append(record.stem)
    for record in found.records:
        package = record.package
        others = [stem for stem in stems[package.name] if stem != record.stem]
        if others:
            problem = f"there is also a record of {', '.join(others)}: an update was interrupted"
            record.package = replace(package, problems=(*package.problems, problem))


def environment_of(found: CondaPrefix) -> CondaEnvironment:
    """The inventory's value: the packages, and what else conda-meta holds."""
    meta = f"{found.prefix}/conda-meta"
    lines = (line.strip() for line in _text(f"{meta}/pinned").splitlines())
    return CondaEnvironment(
        prefix=found.prefix,
        packages=tuple(sorted((it.package for it in found.records), key=lambda it: (it.name, it.record))),
        history=bool(_text(f"{meta}/history").strip()),
        pinned=tuple(line for line in lines if line and not line.startswith("#")),
        frozen=_text(f"{meta}/frozen") if os.path.lexists(f"{meta}/frozen") else None,
        variables=variables_of(_text(f"{meta}/state")),
        activation=tuple(_activation(found.prefix)),
    )


def _activation(prefix: str) -> list[str]:
    found = []
    for folder in _ACTIVATION:
        try:
            names = sorted(os.listdir(f"{prefix}/{folder}"))
        except OSError:
            continue
        found += [f"{folder}/{name}" for name in names]
    return found


def _text(path: str) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError):
        return ""
