"""Power loss, imitated: files as an unsynced write leaves them, and stamps that say that another boot wrote them."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

__all__ = ["another_boot", "cut", "emptied", "zeroed"]

_MAGIC = b"FENVIDX2"
_BOOT = "00000000-0000-4000-8000-000000000000"


def another_boot(*folders: Path, machine: str | None = None) -> None:
    """As if all that lies in these folders had been written in an earlier boot, or on another machine."""
    seen = set()
    for folder in folders:
        for path in [
            *folder.rglob("index"),
            *folder.rglob(".fastenv/index/*"),
            *folder.rglob(".fastenv/state"),
        ]:
            inode = path.stat().st_ino
            if path.is_file() and inode not in seen:
                seen.add(inode)
                _restamp(path, machine)


def _restamp(path: Path, machine: str | None) -> None:
    content = path.read_bytes()
    if content.startswith(_MAGIC):
        length = int.from_bytes(content[12:16], "little")
        stamp = _other(content[16 : 16 + length].decode(), machine).encode()
        body = len(stamp).to_bytes(4, "little") + stamp + content[16 + length :]
        _overwrite(path, _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body)
    elif content.startswith(b"fastenv-state"):
        lines = content.decode().splitlines()
        stamped = [
            f"boot {_other(line[5:], machine)}" if line.startswith("boot ") else line for line in lines
        ]
        _overwrite(path, "".join(f"{line}\n" for line in stamped).encode())


def _other(stamp: str, machine: str | None) -> str:
    return f"{stamp.split(' ', maxsplit=1)[0] if machine is None else machine} {_BOOT}"


def _overwrite(path: Path, content: bytes) -> None:
    """In place, with mode and times: the folder's time stays, too."""
    meta = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as stream:
        stream.write(content)
        stream.truncate()
    path.chmod(meta.st_mode & 0o777)
    os.utime(path, ns=(meta.st_atime_ns, meta.st_mtime_ns))


def emptied(path: Path) -> None:
    _overwrite(path, b"")


def zeroed(path: Path) -> None:
    _overwrite(path, b"\0" * path.stat().st_size)


def cut(path: Path) -> None:
    content = path.read_bytes()
    _overwrite(path, content[: len(content) // 2])
