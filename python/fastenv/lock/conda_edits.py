"""Which installed files of conda packages are not what their records say.

A file in which installers replace the prefix has two hashes in a record: the archive's, and the installed one's, which
is that of the prefix at which it was installed. If an environment was moved since, the first is tried with the
replacement undone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping

from fastenv.lock.at_once import each
from fastenv.lock.edits import Edit, Hashes
from fastenv.scan.conda_record import CondaFile, CondaRecord, read_record
from fastenv.scan.inventory import CondaPackage

__all__ = ["find_conda_edits"]

_THREADS = min(8, (os.cpu_count() or 1) + 2)


def find_conda_edits(
    packages: Iterable[CondaPackage],
    prefix: str,
    *,
    site: str,
    contested: Collection[str],
    environ: Mapping[str, str],
) -> dict[str, tuple[Edit, ...]]:
    """The edits of each package that has any, by its name; paths are relative to the prefix.

    ``site`` is site-packages, relative to the prefix; ``contested`` are install paths, which the scan has judged.
    Without the record nothing is known.
    """
    hashes = Hashes([prefix, "conda"], environ)
    judged = {_below(path, site) for path in contested}

    def look(package: CondaPackage) -> tuple[Edit, ...]:
        record = read_record(package.record, site) if os.path.exists(package.record) else None
        if not isinstance(record, CondaRecord):
            return ()
        files = (file for file in record.files if _is_checked(file) and file.claimed not in judged)
        told = ((file.path, _look_at(file, prefix, hashes)) for file in files)
        return tuple(Edit(path, what) for path, what in told if what)

    order = sorted(packages, key=lambda it: -it.files)
    found = {package.name: edits for package, edits in each(look, order, threads=_THREADS)}
    hashes.save()
    return {name: edits for name, edits in sorted(found.items()) if edits}


def _below(install_path: str, site: str) -> str:
    """An install path as one below the prefix."""
    kind, _, rest = install_path.partition("/")
    return f"{site}/{rest}" if kind == "site" else rest


def _is_checked(file: CondaFile) -> bool:
    """Byte code and what installers make are in no archive; clobbered files have another place."""
    return file.kind in ("file", "link") and not file.is_bytecode and file.claimed == file.path


def _look_at(file: CondaFile, prefix: str, hashes: Hashes) -> str:
    """What is wrong with a file, or an empty string."""
    path = f"{prefix}/{file.path}"
    if file.kind == "link":
        return "" if os.path.islink(path) else "changed"
    if not file.sha256:
        return ""
    try:
        found = hashes.digest(path)
    except FileNotFoundError:
        return "gone"
    except OSError:
        return "unreadable"
    if found in (file.sha256, file.installed):
        return ""
    return "" if file.placeholder and _is_undone(file, path, prefix) else "changed"


def _is_undone(file: CondaFile, path: str, prefix: str) -> bool:
    """Whether the file is the archive's once its prefix is taken back.

    In a binary file the rest of a string is padded, so that nothing short of the archive tells.
    """
    if file.mode == "binary":
        return not file.installed
    with open(path, "rb") as stream:
        text = stream.read().replace(os.fsencode(prefix), file.placeholder.encode())
    return hashlib.sha256(text).hexdigest() == file.sha256
