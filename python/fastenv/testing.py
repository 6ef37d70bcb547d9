"""Wheels made on the fly, for tests of fastenv and of whatever builds on it.

``make_wheel`` writes a wheel that is valid unless told otherwise: every text of its ``.dist-info``
can be replaced or left out, so that a test can ask what becomes of a wheel that lies. The same
arguments give the same bytes, on every machine and at every time.

The layout is that of the wheel specification
(https://packaging.python.org/en/latest/specifications/binary-distribution-format/).
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["make_wheel", "record_row"]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_Text = str | bytes | None


class _Default:
    """The type of ``DEFAULT``: "write the text that belongs there"."""


DEFAULT = _Default()


def make_wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, bytes | str] | None = None,
    *,
    data: Mapping[str, bytes | str] | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | str | None = None,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    tags: Iterable[str] = ("py3-none-any",),
    build: str | None = None,
    metadata: _Text | _Default = DEFAULT,
    wheel: _Text | _Default = DEFAULT,
    record: _Text | _Default = DEFAULT,
    extra_dist_info: Mapping[str, bytes | str] | None = None,
    executable: Iterable[str] = (),
    stored: Iterable[str] | bool = (),
    dist_info: str | None = None,
    filename: str | None = None,
) -> Path:
    """Write a wheel into ``directory`` and return its path.

    Args:
        directory: where the wheel goes; made when absent.
        name: of the distribution, as METADATA is to spell it.
        version: the same of its version.
        files: archive path to bytes, below the wheel's root (site-packages). Default: a module of
            the distribution's name that holds ``__version__``.
        data: ``scheme/path`` to bytes, below ``NAME-VERSION.data/``; the schemes are purelib,
            platlib, scripts, headers and data.
        entry_points: group to {name: target}, or the text of entry_points.txt.
        requires: the Requires-Dist fields.
        requires_python: the Requires-Python field.
        tags: compatibility tags; compressed ones (``py2.py3-none-any``) are written out in WHEEL.
        build: build number of the file name and of WHEEL.
        metadata: another text for METADATA; None leaves the file out.
        wheel: the same for WHEEL.
        record: the same for RECORD.
        extra_dist_info: more files of the .dist-info directory, by their name in it.
        executable: archive paths (or ``scheme/path`` of ``data``) that get mode 0755; scripts
            always do.
        stored: archive paths that are stored, not deflated; True means all.
        dist_info: another name for the .dist-info directory, without the suffix.
        filename: another file name for the wheel.
    """
    tag_list, marked = list(tags), set(executable)
    stem = dist_info or f"{_escape(name)}-{_escape_version(version)}"
    info = f"{stem}.dist-info"
    module = re.sub(r"\W", "_", name)
    own = {f"{module}.py": f"__version__ = {version!r}\n"} if files is None else files
    entries = {path: _bytes(body) for path, body in own.items()}
    entries |= {f"{stem}.data/{path}": _bytes(body) for path, body in (data or {}).items()}
    entries |= {f"{info}/{path}": _bytes(body) for path, body in (extra_dist_info or {}).items()}
    if entry_points is not None:
        entries[f"{info}/entry_points.txt"] = _entry_points(entry_points).encode()
    texts: dict[str, _Text] = {
        "METADATA": _choose(metadata, _metadata(name, version, requires, requires_python)),
        "WHEEL": _choose(wheel, _wheel(tag_list, build)),
    }
    entries |= {f"{info}/{key}": _bytes(text) for key, text in texts.items() if text is not None}
    rows = "".join(record_row(path, body) for path, body in entries.items())
    record_text = _choose(record, f"{rows}{info}/RECORD,,\n")
    if record_text is not None:
        entries[f"{info}/RECORD"] = _bytes(record_text)
    modes = {path for path in entries if path in marked or _is_script(path, stem, marked)}
    path = directory / (filename or _filename(stem, build, tag_list))
    directory.mkdir(parents=True, exist_ok=True)
    _write(path, entries, modes, entries if stored is True else (stored or ()))
    return path


def record_row(path: str, body: bytes) -> str:
    """One line of RECORD for a file: path, base64 (urlsafe, no padding) of its sha256, bytes."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
    quoted = '"' + path.replace('"', '""') + '"' if re.search(r'[",\n]', path) else path
    return f"{quoted},sha256={digest},{len(body)}\n"


def _write(path: Path, entries: Mapping[str, bytes], executable: set[str], stored: Iterable[str]) -> None:
    plain = set(stored)
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_STORED if name in plain else zipfile.ZIP_DEFLATED
            archive.writestr(info, body, compresslevel=6)


def _is_script(path: str, stem: str, executable: set[str]) -> bool:
    prefix = f"{stem}.data/"
    return path.startswith(prefix) and (
        path.startswith(f"{prefix}scripts/") or path.removeprefix(prefix) in executable
    )


def _filename(stem: str, build: str | None, tags: list[str]) -> str:
    parts = [sorted({tag.split("-")[at] for tag in tags}) for at in range(3)]
    tag = tags[0] if len(tags) == 1 else "-".join(".".join(part) for part in parts)
    return f"{stem}-{build}-{tag}.whl" if build else f"{stem}-{tag}.whl"


def _metadata(name: str, version: str, requires: Iterable[str], requires_python: str | None) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(lines) + "\n"


def _wheel(tags: Iterable[str], build: str | None) -> str:
    spelled = [
        f"{python}-{abi}-{platform}"
        for tag in tags
        for pythons, abis, platforms in [tag.split("-")]
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]
    pure = all(tag.endswith("-none-any") for tag in spelled)
    lines = [
        "Wheel-Version: 1.0",
        "Generator: fastenv.testing",
        f"Root-Is-Purelib: {str(pure).lower()}",
    ]
    lines += [f"Tag: {tag}" for tag in spelled]
    if build:
        lines.append(f"Build: {build}")
    return "\n".join(lines) + "\n"


def _entry_points(groups: Mapping[str, Mapping[str, str]] | str) -> str:
    if isinstance(groups, str):
        return groups
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in groups.items()
    )


def _escape(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _escape_version(version: str) -> str:
    return version.replace("-", "_")


def _choose(given: _Text | _Default, default: str) -> _Text:
    return default if isinstance(given, _Default) else given


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body
