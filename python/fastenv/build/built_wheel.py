"""A wheel that a backend built, as the contents of one of ours."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from fastenv.build.wheel_file import Contents, Entry, NotPackable, wheel_filename
from fastenv.damage import DAMAGE
from fastenv.scan.installed import canonical, same_version
from fastenv.scan.metadata import headers

__all__ = ["contents_of_built"]

_UNREADABLE: tuple[type[Exception], ...] = (*DAMAGE, OSError)


def contents_of_built(wheel: Path, name: str, version: str) -> Contents:
    """What the wheel at ``wheel`` holds, as version ``version`` of ``name``, whatever its backend made of that.

    The copy must have the version that is installed here, or programs that compare versions complain. Raises
    NotPackable for a wheel of something else, or a damaged one.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [_entry(archive, info) for info in archive.infolist() if not info.is_dir()]
    except _UNREADABLE as error:
        raise NotPackable(f"what was built is no wheel: {error}") from error
    stems = {entry.name.removesuffix(".dist-info/METADATA") for entry in found if _is_metadata(entry.name)}
    if len(stems) != 1:
        raise NotPackable(f"what was built has {len(stems)} METADATA files at the top, not one")
    old = stems.pop()
    metadata = next(entry.source for entry in found if entry.name == f"{old}.dist-info/METADATA")
    said = headers(bytes(metadata).decode("utf-8", "replace"))  # type: ignore[arg-type]
    built = canonical((said.get("name") or [""])[0])
    if built != name:
        raise NotPackable(f"what was built is {built or 'nameless'}")
    stem = old
    if not same_version((said.get("version") or [""])[0], version):
        stem = f"{old.partition('-')[0]}-{version.replace('-', '_')}"
        found = [_renamed(entry, old, stem, version) for entry in found]
    kept = [entry for entry in found if not _is_record(entry.name, stem) and not entry.name.endswith(".pyc")]
    return Contents(wheel_filename(name, version, _tags(kept, stem)), stem, tuple(kept))


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    executable = bool((info.external_attr >> 16) & 0o111)
    return Entry(info.filename, archive.read(info), executable)


def _is_metadata(name: str) -> bool:
    return re.fullmatch(r"[^/]+\.dist-info/METADATA", name) is not None


def _is_record(name: str, stem: str) -> bool:
    return name in {f"{stem}.dist-info/RECORD{ending}" for ending in ("", ".jws", ".p7s")}


def _renamed(entry: Entry, old: str, stem: str, version: str) -> Entry:
    """The entry in a wheel of another version."""
    name, source = entry.name, entry.source
    for ending in (".dist-info/", ".data/"):
        if name.startswith(old + ending):
            name = stem + name[len(old) :]
    if name == f"{stem}.dist-info/METADATA" and isinstance(source, bytes):
        head, blank, body = source.replace(b"\r\n", b"\n").partition(b"\n\n")
        head = re.sub(rb"(?im)^version:.*$", b"Version: " + version.encode(), head, count=1)
        source = head + blank + body
    return Entry(name, source, entry.executable)


def _tags(entries: list[Entry], stem: str) -> tuple[str, ...]:
    text = next((bytes(it.source) for it in entries if it.name == f"{stem}.dist-info/WHEEL"), b"")  # type: ignore[arg-type]
    tags = tuple(headers(text.decode("utf-8", "replace")).get("tag", ()))
    if not tags:
        raise NotPackable("what was built has no WHEEL with tags")
    return tags
