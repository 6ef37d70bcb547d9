"""Conda packages that are not what the lock says, or not what a package may be: named, and nothing is left of them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import File, make_package
from tests.lab.lab import Lab, snapshot

LONG = "/opt/" + "p" * 40


def package(channel: Channel, name: str, **files: str | bytes | File) -> Path:
    return make_package(channel.folder, name, files={f"share/{it}": text for it, text in files.items()})


def locked(lab: Lab, channel: Channel, *archives: Path) -> Path:
    base = f"{channel.url}/linux-64/"
    return conda_lock([archive_at(path) for path in archives], lab.folder, base=base)


def test_an_archive_that_is_another(lab: Lab, channel: Channel) -> None:
    good, bad = package(channel, "good", a="x"), package(channel, "bad", a="x")
    lock = locked(lab, channel, good, bad)
    content = bad.read_bytes()
    bad.write_bytes(bytes([*content[:-1], content[-1] ^ 1]))
    said = lab.refuse(lock, 4)
    assert "bad-1.0-0.conda" in said
    assert "sha256" in said
    bad.write_bytes(content)
    lab.materialize(lock)


def test_addresses_that_are_gone_here(lab: Lab, channel: Channel) -> None:
    """The package, its address, and what the channel's server says."""
    archive = package(channel, "lost", a="x")
    lock = locked(lab, channel, package(channel, "good", a="x"), archive)
    channel.gone.add(archive.name)
    said = lab.refuse(lock, 7)
    assert f"{channel.url}/linux-64/lost-1.0-0.conda" in said
    assert "404" in said


def test_an_archive_that_should_lie_beside_the_lock(lab: Lab, channel: Channel) -> None:
    lock = conda_lock([archive_at(package(channel, "lost", a="x"))], lab.folder)
    (beside,) = lab.folder.glob("pylock.fastenv.d/*/*")
    beside.unlink()
    said = lab.refuse(lock, 4)
    assert "lost" in said
    assert str(beside) in said


def test_a_prefix_that_is_too_long_for_a_program(lab: Lab, channel: Channel) -> None:
    """A text has room for any; the error names the file and both lengths."""
    data = b"\x7fELF\0" + LONG.encode() + b"/lib\0"
    texts = {"text": File(LONG.encode(), placeholder=LONG)}
    binaries = {"program": File(data, 0o755, LONG, "binary")}
    lab.materialize(locked(lab, channel, package(channel, "short", **texts)), prefix="x" * 50)
    prefix = lab.prefix("y" * 50)
    said = lab.refuse(locked(lab, channel, package(channel, "long", **binaries)), 6, prefix=prefix.name)
    assert "share/program" in said
    assert f"the prefix has {len(str(prefix))} bytes, and there is room for {len(LONG)}" in said


def member(kind: bytes, path: str, *, link: str = "", **more: Any) -> tarfile.TarInfo:
    header = tarfile.TarInfo(path)
    header.type, header.linkname = kind, link
    for key, value in more.items():
        setattr(header, key, value)
    return header


def row(path: str, kind: str = "hardlink", **more: object) -> dict[str, object]:
    return {"_path": path, "path_type": kind, **more}


def hostile(folder: Path, members: list[tarfile.TarInfo], rows: list[dict[str, object]]) -> Path:
    """A ``.tar.bz2`` as no tool makes it."""
    index = {"name": "bad", "version": "1.0", "build": "0", "build_number": 0, "subdir": "linux-64"}
    texts = {"info/index.json": index, "info/paths.json": {"paths_version": 1, "paths": rows}}
    path = folder / "linux-64/bad-1.0-0.tar.bz2"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:bz2") as archive:
        for name, table in texts.items():
            content = json.dumps(table).encode()
            archive.addfile(member(tarfile.REGTYPE, name, size=len(content)), io.BytesIO(content))
        for header in members:
            archive.addfile(header, io.BytesIO(b"x" * header.size))
    return path


FILE, SYMLINK, HARDLINK = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE: dict[str, tuple[list[tarfile.TarInfo], list[dict[str, object]], str]] = {
    "an absolute name": ([member(FILE, "/canary/x", size=1)], [row("/canary/x")], "absolute"),
    "a name that leads up": ([member(FILE, "../canary/x", size=1)], [row("../canary/x")], "`..`"),
    "a file through a link": (
        [member(SYMLINK, "d", link="../canary"), member(FILE, "d/x", size=1)],
        [row("d", "softlink"), row("d/x")],
        "no directory",
    ),
    "a link that leads out": (
        [member(SYMLINK, "l", link="../../canary")],
        [row("l", "softlink")],
        "leads out",
    ),
    "a hard link to a file outside": (
        [member(HARDLINK, "h", link="../../canary/bird")],
        [row("h")],
        "canary/bird",
    ),
    "a device": ([member(tarfile.CHRTYPE, "dev", devmajor=1, devminor=3)], [row("dev")], "a device"),
    "a pipe": ([member(tarfile.FIFOTYPE, "pipe")], [row("pipe")], "a fifo"),
    "a sparse file": ([member(tarfile.GNUTYPE_SPARSE, "bomb")], [row("bomb")], "sparse"),
    "a file that is not listed as such": ([member(FILE, "a", size=1)], [row("a", "softlink")], "disagree"),
    "a file of another size than is listed": (
        [member(FILE, "a", size=1)],
        [row("a", size_in_bytes=2)],
        "listed with 2 bytes, but 1",
    ),
    "a file that is listed, and not there": ([], [row("a")], "not in the archive"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive(lab: Lab, channel: Channel, name: str) -> None:
    canary = lab.folder / "canary"
    canary.mkdir()
    (canary / "bird").write_text("sings")
    before = snapshot(canary)
    members, rows, words = HOSTILE[name]
    good = package(channel, "good", a="x")
    said = lab.refuse(locked(lab, channel, good, hostile(channel.folder, members, rows)), 4)
    assert "bad-1.0-0.tar.bz2" in said
    assert words in said
    assert snapshot(canary) == before
    assert not Path("/canary").exists()
