"""Hostile archives through the whole program: refused or made harmless, the wheel named, nothing outside.

The core's own table of attacks is in tests/rust; here each goes from the index to the prefix.
"""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.lab.lab import Lab, snapshot
from tests.lab.records import record_faults, site_packages

NAME = "hostile-1.0-py3-none-any.whl"


@dataclass(frozen=True)
class Entry:
    """One entry of an archive, as the two headers tell it. None in ``local``: the same as the central one."""

    name: bytes
    content: bytes = b"x = 1\n"
    mode: int = 0o100644
    method: int = 0
    flags: int = 0x800
    crc: int | None = None
    size: int | None = None
    packed: bytes | None = None
    local_name: bytes | None = None
    offset: int | None = None
    system: int = 3

    @property
    def body(self) -> bytes:
        return self.content if self.packed is None else self.packed

    def fields(self) -> tuple[int, int, int]:
        crc = zlib.crc32(self.content) if self.crc is None else self.crc
        return crc, len(self.body), len(self.content) if self.size is None else self.size


def local_header(entry: Entry) -> bytes:
    name = entry.name if entry.local_name is None else entry.local_name
    head = struct.pack(
        "<4s5H3I2H", b"PK\x03\x04", 20, entry.flags, entry.method, 0, 0x21, *entry.fields(), len(name), 0
    )
    return head + name + entry.body


def central_header(entry: Entry, offset: int) -> bytes:
    made_by = (entry.system << 8) | 20
    attributes = (entry.mode << 16) & 0xFFFFFFFF
    return (
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\x01\x02",
            made_by,
            20,
            entry.flags,
            entry.method,
            0,
            0x21,
            *entry.fields(),
            len(entry.name),
            0,
            0,
            0,
            0,
            attributes,
            offset if entry.offset is None else entry.offset,
        )
        + entry.name
    )


def archive(
    entries: Iterable[Entry], *, before: bytes = b"", after: bytes = b"", count: int | None = None
) -> bytes:
    """A zip archive, as it was said."""
    rows = list(entries)
    body, offsets = before, []
    for entry in rows:
        offsets.append(len(body))
        body += local_header(entry)
    directory = b"".join(central_header(e, at) for e, at in zip(rows, offsets, strict=True))
    number = len(rows) if count is None else count
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, number, number, len(directory), len(body), 0)
    return body + directory + end + after


def honest() -> list[Entry]:
    """The entries of a wheel that is well."""
    info = b"hostile-1.0.dist-info/"
    return [
        Entry(b"hostile.py"),
        Entry(info + b"METADATA", b"Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n"),
        Entry(info + b"WHEEL", b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        Entry(info + b"RECORD", b"hostile.py,,\n"),
    ]


def with_name(name: bytes) -> bytes:
    return archive([*honest(), Entry(name)])


def with_entries(*entries: Entry) -> bytes:
    return archive([*honest(), *entries])


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def bomb() -> bytes:
    """Says that it is small, and is not."""
    content = bytes(300_000_000)
    entry = Entry(b"bomb.bin", b"", method=8, packed=deflated(content), crc=zlib.crc32(content), size=100)
    return with_entries(entry)


def honest_bomb() -> bytes:
    """Says that it is larger than deflate can make it."""
    packed = deflated(bytes(1000))
    return with_entries(Entry(b"bomb.bin", b"", method=8, packed=packed, crc=0, size=0xFFFFFF00))


def overlapping() -> bytes:
    """Two entries with one body."""
    first = honest()
    twin = replace(first[0], name=b"twin.py", offset=0)
    return archive([*first, twin])


REFUSED: dict[str, Callable[[], bytes]] = {
    "an absolute name": lambda: with_name(b"/tmp/fastenv-escaped.py"),
    "a name that leads out": lambda: with_name(b"../escaped.py"),
    "a name that leads out, deeper": lambda: with_name(b"a/b/../../../../../escaped.py"),
    "a name that leads out of data": lambda: with_name(b"hostile-1.0.data/data/../../../../escaped"),
    "a script that leads out": lambda: with_name(b"hostile-1.0.data/scripts/../../escaped"),
    "a header that leads out": lambda: with_name(b"hostile-1.0.data/headers/../../../../escaped"),
    "a dot": lambda: with_name(b"./hostile2.py"),
    "a backslash": lambda: with_name(b"..\\escaped.py"),
    "a drive": lambda: with_name(b"C:\\escaped.py"),
    "a NUL": lambda: with_name(b"good.py\0/../../escaped"),
    "a newline": lambda: with_name(b"good\n.py"),
    "an empty component": lambda: with_name(b"a//b.py"),
    "no name": lambda: with_name(b""),
    "a name that is not UTF-8": lambda: with_name(b"\xff\xfe.py"),
    "a name too long": lambda: with_name(b"x" * 5000),
    "a name twice": lambda: with_entries(Entry(b"twice.py", b"1"), Entry(b"twice.py", b"2")),
    "a path twice by its schemes": lambda: with_entries(
        Entry(b"t.py", b"1"), Entry(b"hostile-1.0.data/purelib/t.py", b"2")
    ),
    "a file and a folder": lambda: with_entries(Entry(b"both"), Entry(b"both/inner.py")),
    "an unknown scheme": lambda: with_name(b"hostile-1.0.data/nowhere/x"),
    "a second dist-info": lambda: with_entries(
        Entry(b"other-1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    ),
    "overlapping entries": overlapping,
    "a size that lies": bomb,
    "a size that can't be": honest_bomb,
    "a checksum that lies": lambda: with_entries(Entry(b"spoilt.py", crc=1)),
    "a local name that differs": lambda: with_entries(Entry(b"shown.py", local_name=b"other.py")),
    "encryption": lambda: with_entries(Entry(b"secret.py", flags=0x801)),
    "an unknown method": lambda: with_entries(Entry(b"packed.py", method=99)),
    "data before the archive": lambda: archive(honest(), before=b"#!/bin/sh\nexit\n"),
    "data after the archive": lambda: archive(honest(), after=b"more"),
    "two ends": lambda: archive(honest()) + archive(honest())[-22:],
    "another count": lambda: archive(honest(), count=3),
    "an archive of parts": lambda: archive(honest())[:-18] + b"\x01\x00\x01\x00" + archive(honest())[-14:],
    "damaged deflate": lambda: with_entries(Entry(b"d.bin", b"y" * 100, method=8, packed=b"\xff" * 30)),
    "an entry point that leads out": lambda: with_entries(
        Entry(b"hostile-1.0.dist-info/entry_points.txt", b"[console_scripts]\n../../escaped = hostile:main\n")
    ),
    "an entry point with code": lambda: with_entries(
        Entry(
            b"hostile-1.0.dist-info/entry_points.txt",
            b"[console_scripts]\nrun = os:system('touch escaped') or x\n",
        )
    ),
    "metadata without end": lambda: with_entries(
        Entry(b"hostile-1.0.dist-info/entry_points.txt", b"[console_scripts]\n" + b"#" * 70_000_000)
    ),
}


def outside(lab: Lab) -> dict[str, str]:
    """All that is not the store, the prefix, or the wheel."""
    rows = snapshot(lab.folder)
    ours = ("root", "envs", "wheels", "pylock", "home")
    kept = {path: row for path, row in rows.items() if not path.startswith(ours) and path != "."}
    return kept | {str(path): "" for path in Path(tempfile.gettempdir()).glob("*escaped*")}


@pytest.mark.parametrize("attack", REFUSED)
def test_a_hostile_wheel_is_refused(lab: Lab, attack: str) -> None:
    good = lab.wheel("good")
    (lab.index.folder / NAME).write_bytes(REFUSED[attack]())
    lock = lab.lock(good, lab.index.folder / NAME)
    before = outside(lab)
    said = lab.refuse(lock, 4)
    assert NAME in said
    assert outside(lab) == before
    assert not lab.prefix("env").exists()
    stored = [path.name for path in (lab.store / "artifacts").iterdir()]
    assert len(stored) <= 1, "the good one alone"
    assert not list(lab.folder.rglob("*escaped*"))


def test_a_link_becomes_a_file_or_is_refused(lab: Lab) -> None:
    """No installer makes links of a wheel's entries; nothing may be written through one."""
    link = Entry(b"link", b"/etc", mode=0o120777)
    through = Entry(b"link/escaped", b"x")
    for number, entries in enumerate([[link], [link, through]]):
        path = lab.index.folder / NAME
        path.write_bytes(archive([*honest(), *entries]))
        prefix = lab.prefix(f"env{number}")
        done = lab.run("materialize", lab.lock(path), "--prefix", prefix)
        assert done.code in (0, 4), done.err
        if done.code == 0:
            assert not (site_packages(prefix) / "link").is_symlink()
        else:
            assert NAME in done.err
        assert not Path("/etc/escaped").exists()
    assert lab.residue() == []


@pytest.mark.parametrize(
    "mode", [0o104755, 0o102755, 0o101777, 0o100777, 0o100000, 0o020644, 0o060644, 0o010644]
)
def test_modes_and_kinds_are_tamed(lab: Lab, mode: int) -> None:
    """setuid, setgid, sticky, devices, fifos: a plain file of mode 0444 or 0555, or refused by name."""
    path = lab.index.folder / NAME
    path.write_bytes(with_entries(Entry(b"odd.bin", b"odd", mode=mode)))
    done = lab.run("materialize", lab.lock(path), "--prefix", lab.prefix("env"))
    assert done.code in (0, 4), done.err
    if done.code == 4:
        assert NAME in done.err
        return
    meta = (site_packages(lab.prefix("env")) / "odd.bin").lstat()
    assert oct(meta.st_mode) in ("0o100444", "0o100555")
    assert record_faults(lab.prefix("env")) == []


def test_names_that_differ_in_case_alone_are_two_files(lab: Lab) -> None:
    """Real packages have them; this file system tells them apart."""
    path = lab.index.folder / NAME
    path.write_bytes(with_entries(Entry(b"Case.py", b"1"), Entry(b"case.py", b"2")))
    site = site_packages(lab.materialize(lab.lock(path)))
    assert [(site / name).read_bytes() for name in ("Case.py", "case.py")] == [b"1", b"2"]


def test_a_record_that_leads_out_is_put_right(lab: Lab) -> None:
    """RECORD names files outside: an uninstaller that believed it would remove them."""
    rows = b"../../../../../../etc/passwd,,\n/etc/hosts,,\nhostile.py,,\n"
    path = lab.index.folder / NAME
    entries = [e if not e.name.endswith(b"RECORD") else replace(e, content=rows) for e in honest()]
    path.write_bytes(archive(entries))
    done = lab.run("materialize", lab.lock(path), "--prefix", lab.prefix("env"))
    assert done.code in (0, 4), done.err
    assert "hostile" in done.err
    if done.code == 0:
        assert record_faults(lab.prefix("env")) == []


def test_the_shape_of_these_archives_is_good(lab: Lab) -> None:
    """Without an attack the builder's archive is a wheel that is accepted."""
    path = lab.index.folder / NAME
    path.write_bytes(archive(honest()))
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
    assert record_faults(lab.materialize(lab.lock(path))) == []


def test_a_lock_can_not_forge_a_place(lab: Lab) -> None:
    """The env id names a folder of the store: nothing but its 64 digits gets there."""
    lock = lab.lock(lab.wheel("one"))
    text = lock.read_text().replace('env-id = "', 'env-id = "../../escaped')
    lock.write_text(text)
    assert "env id" in lab.refuse(lock, 3)
