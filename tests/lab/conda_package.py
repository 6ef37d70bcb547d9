"""Conda packages made on the fly: of given files, of a wheel, and of a CPython that is on this machine.

The formats are conda's own: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

__all__ = ["File", "Folder", "Link", "Same", "make_package", "pack_python", "pack_wheel"]

_MTIME = 1_600_000_000


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class File:
    """A file as it is told of in every respect. ``rewriting``: "text" or "binary", where ``data`` has a placeholder."""

    data: bytes
    mode: int = 0o664
    placeholder: str = ""
    rewriting: str = "text"
    no_link: bool = False
    mtime: int = _MTIME


@dataclass(frozen=True)
class Folder:
    """A folder with nothing in it."""


@dataclass(frozen=True)
class Same:
    """A hard link in the archive to a file that sorts before it."""

    path: str


Content = bytes | str | Path | Link | File | Folder | Same


def make_package(
    channel: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, Content] | None = None,
    *,
    build: str = "0",
    noarch: str | None = None,
    depends: Iterable[str] = (),
    entry_points: Iterable[str] = (),
    prefix: str = "",
    end: str = ".conda",
    old: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """A package in ``channel/SUBDIR``. Text that holds ``prefix`` has it as its placeholder; a Path gives mode and
    bytes. An ``old`` one has ``files``, ``has_prefix`` and ``no_link`` in the place of ``paths.json``. ``facts`` are
    further lines of ``index.json``.
    """
    subdir = "noarch" if noarch else "linux-64"
    stem = f"{name}-{version}-{build}"
    members: list[_Member] = []
    for path, content in sorted((files or {}).items()):
        members.append(_Member.of(path, content, prefix, members))
    index: dict[str, Any] = {"name": name, "version": version, "build": build, "build_number": 0}
    index |= {"depends": list(depends), "subdir": subdir, "license": "MIT", "timestamp": _MTIME * 1000}
    index |= facts or {}
    if noarch:
        index["noarch"] = noarch
    info = {"index.json": index, "about.json": {}}
    if not old:
        info["paths.json"] = {"paths": [member.row for member in members], "paths_version": 1}
    if noarch == "python":
        link = {"type": "python", "entry_points": list(entry_points)}
        info["link.json"] = {"noarch": link, "package_metadata_version": 1}
    texts = [_Member.of(f"info/{key}", json.dumps(table, indent=2), "") for key, table in info.items()]
    texts += [
        _Member.of(f"info/{key}", text, "") for key, text in (_old_lists(members) if old else {}).items()
    ]
    target = channel / subdir / f"{stem}{end}"
    target.parent.mkdir(parents=True, exist_ok=True)
    if end == ".conda":
        _write_conda(target, stem, members, texts)
    else:
        with tarfile.open(target, "w:bz2") as archive:
            _add(archive, [*members, *texts])
    return target


def pack_wheel(channel: Path, wheel: Path) -> Path:
    """A pure wheel as a package that is independent of the processor, as conda-build makes it."""
    name, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as archive:
        names = [it for it in archive.namelist() if not it.endswith("/")]
        files: dict[str, Content] = {f"site-packages/{it}": archive.read(it) for it in names}
    info = f"site-packages/{name}-{version}.dist-info"
    files[f"{info}/INSTALLER"] = "conda\n"
    record = files[f"{info}/RECORD"]
    assert isinstance(record, bytes)
    files[f"{info}/RECORD"] = record.decode() + f"{name}-{version}.dist-info/INSTALLER,,\n"
    points = files.get(f"{info}/entry_points.txt", b"")
    assert isinstance(points, bytes)
    scripts = re.findall(r"^(\S+\s*=\s*\S+:\S+)$", points.decode(), re.MULTILINE)
    conda_name = name.lower().replace("_", "-")
    return make_package(
        channel, conda_name, version, files, noarch="python", depends=["python"], entry_points=scripts
    )


def pack_python(channel: Path, executable: str = sys.executable) -> Path:
    """The CPython below ``executable`` as the package ``python``; what it was linked with is found by ``$ORIGIN``."""
    question = (
        "import json, sys, sysconfig; print(json.dumps([sys.base_prefix, sysconfig.get_python_version(),"
        " '.'.join(map(str, sys.version_info[:3]))]))"
    )
    asked = subprocess.run([executable, "-I", "-c", question], check=True, capture_output=True, text=True)
    base, series, version = json.loads(asked.stdout)
    files: dict[str, Content] = {
        path: _relocatable(Path(base, path), path, base) for path in _of_python(Path(base), series)
    }
    files |= {f"bin/{name}": Link(f"python{series}") for name in ("python", "python3")}
    return make_package(channel, "python", version, files, prefix=base)


def _of_python(base: Path, series: str) -> Iterator[str]:
    """The files of an interpreter that a test needs, relative to its prefix."""
    yield f"bin/python{series}"
    for library in (base / "lib").glob("libpython*.so*"):
        yield f"lib/{library.name}"
    left_out = {
        "site-packages",
        "test",
        "tests",
        "idlelib",
        "tkinter",
        "turtledemo",
        "__pycache__",
        "ensurepip",
    }
    for folder, folders, names in os.walk(base / f"lib/python{series}"):
        folders[:] = [it for it in folders if it not in left_out and not it.startswith("config-")]
        yield from (os.path.relpath(f"{folder}/{name}", base) for name in names if not name.endswith(".pyc"))
    for folder, _, names in os.walk(base / f"include/python{series}"):
        yield from (os.path.relpath(f"{folder}/{name}", base) for name in names)


def _relocatable(file: Path, path: str, base: str) -> Content:
    """The file; if it is a program or library, its way to ``lib`` begins at itself."""
    if file.is_symlink():
        return Link(str(file.readlink()))
    content = file.read_bytes()
    old = f"{base}/lib".encode()
    new = f"$ORIGIN/{os.path.relpath('lib', Path(path).parent)}".encode()
    if not content.startswith(b"\x7fELF") or old + b"\0" not in content or len(new) > len(old):
        return file
    return _Executable(content.replace(old + b"\0", new.ljust(len(old) + 1, b"\0")))


class _Executable(bytes):
    """Bytes that are to be executable."""


@dataclass(frozen=True)
class _Member:
    """A file in an archive, and its row in paths.json."""

    header: tarfile.TarInfo
    content: bytes
    row: dict[str, Any]

    @classmethod
    def of(cls, path: str, content: Content, prefix: str, before: Iterable[_Member] = ()) -> _Member:
        if isinstance(content, File):
            return cls._of_file(path, content)
        header = tarfile.TarInfo(path)
        header.mtime, header.mode = _MTIME, 0o664
        if isinstance(content, Link):
            header.type, header.linkname = tarfile.SYMTYPE, content.target
            return cls(header, b"", _row(path, b"", "softlink"))
        if isinstance(content, Folder):
            header.type, header.mode = tarfile.DIRTYPE, 0o775
            return cls(header, b"", {"_path": path, "path_type": "directory"})
        if isinstance(content, Same):
            header.type, header.linkname = tarfile.LNKTYPE, content.path
            first = next(member for member in before if member.header.name == content.path)
            return cls(header, b"", {**first.row, "_path": path})
        if isinstance(content, Path):
            header.mode = content.stat().st_mode & 0o777
        data = content.read_bytes() if isinstance(content, Path) else content
        data = data.encode() if isinstance(data, str) else data
        if isinstance(data, _Executable) or path.startswith("bin/"):
            header.mode = 0o775
        header.size = len(data)
        row = _row(path, data, "hardlink")
        if prefix and prefix.encode() in data and b"\0" not in data:
            row |= {"prefix_placeholder": prefix, "file_mode": "text"}
        return cls(header, data, row)

    @classmethod
    def _of_file(cls, path: str, file: File) -> _Member:
        header = tarfile.TarInfo(path)
        header.mtime, header.mode, header.size = file.mtime, file.mode, len(file.data)
        row = _row(path, file.data, "hardlink")
        if file.placeholder:
            row |= {"prefix_placeholder": file.placeholder, "file_mode": file.rewriting}
        if file.no_link:
            row["no_link"] = True
        return cls(header, file.data, row)


def _old_lists(members: Iterable[_Member]) -> dict[str, str]:
    """What packages had before there was ``paths.json``."""
    rows = [member.row for member in members]
    patched = [row for row in rows if "prefix_placeholder" in row]
    lines = [f'"{row["prefix_placeholder"]}" {row["file_mode"]} "{row["_path"]}"' for row in patched]
    copied = [row["_path"] for row in rows if row.get("no_link")]
    lists = {"files": [row["_path"] for row in rows], "has_prefix": lines, "no_link": copied}
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in lists.items()}


def _row(path: str, data: bytes, kind: str) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    return {"_path": path, "path_type": kind, "sha256": sha256, "size_in_bytes": len(data)}


def _write_conda(target: Path, stem: str, members: list[_Member], texts: list[_Member]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        for part, rows in (("pkg", members), ("info", texts)):
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as tar:
                _add(tar, rows)
            archive.writestr(
                f"{part}-{stem}.tar.zst", zstandard.ZstdCompressor(3).compress(packed.getvalue())
            )


def _add(archive: tarfile.TarFile, members: Iterable[_Member]) -> None:
    for member in members:
        archive.addfile(member.header, io.BytesIO(member.content))
