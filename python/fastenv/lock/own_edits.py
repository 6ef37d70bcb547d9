"""Whether the code that fastenv made a wheel of is still what it was. Nothing is built, and no wheel is opened."""

from __future__ import annotations

from collections.abc import Mapping

from fastenv.build.in_place import has_extensions, in_place, source_files
from fastenv.build.project import project_of
from fastenv.build.repack import contents_of
from fastenv.build.snapshot import take_snapshot
from fastenv.build.wheel_file import Contents, NotPackable
from fastenv.lock.edits import Hashes
from fastenv.lock.lockfile import LockedPackage
from fastenv.lock.packed import contents_digest, scripts_digest
from fastenv.scan.inventory import Distribution, Inventory

__all__ = ["own_edit"]


def own_edit(
    row: LockedPackage, it: Distribution, inventory: Inventory, hashes: Hashes, environ: Mapping[str, str]
) -> str | None:
    """What is not as it was when ``row`` was made of ``it``, in a few words; None if all is."""
    try:
        if it.origin.kind != "editable":
            contents = contents_of(it, inventory)
            return _of_files(contents, row, hashes) or _of_scripts(contents, row, hashes)
        if row.source_digest is None and row.reason == "editable":
            return None  # the lock of a fastenv that did not yet say
        if row.source_digest is None or has_extensions(source_files(it)):
            return _of_files(in_place(it, inventory), row, hashes)
        return _of_tree(it, row.source_digest, hashes, environ)
    except (NotPackable, OSError, UnicodeDecodeError) as error:
        return str(error)


def _of_files(contents: Contents, row: LockedPackage, hashes: Hashes) -> str | None:
    return None if contents_digest(contents, hashes) == row.files_digest else "its files were edited"


def _of_scripts(contents: Contents, row: LockedPackage, hashes: Hashes) -> str | None:
    """No files digest tells them. The lock of a fastenv that did not yet say tells nothing either."""
    if row.origin != "repacked" or row.source_digest is None:
        return None
    now = scripts_digest(contents, hashes)
    return None if now == row.source_digest else "its scripts were edited"


def _of_tree(it: Distribution, locked: str, hashes: Hashes, environ: Mapping[str, str]) -> str | None:
    snapshot = take_snapshot(project_of(it).folder, environ)
    now = snapshot.source_digest(snapshot.digests(hashes.digest))
    return None if now == locked else "its source tree was edited"
