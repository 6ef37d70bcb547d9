"""Artifacts that are not what was locked: refused, named, and nothing left; what was good stays in the store."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.lab.index_server import Fault
from tests.lab.lab import Lab
from tests.lab.locks import Row
from tests.lab.records import record_faults, site_packages

Spoil = Callable[[Lab, Path], Row]


def shape(lab: Lab, name: str, **arguments: Any) -> Path:
    return lab.wheel(name, files={f"{name}.py": "x = 1\n" * 400}, **arguments)


def with_another_digest(lab: Lab, wheel: Path) -> Row:
    return lab.row(wheel, sha256=hashlib.sha256(b"another").hexdigest())


def with_another_size(lab: Lab, wheel: Path) -> Row:
    return lab.row(wheel, size=wheel.stat().st_size + 1)


def corrupted_on_the_way(lab: Lab, wheel: Path) -> Row:
    row = lab.row(wheel)
    lab.index.fault(wheel.name, Fault(corrupt_at=wheel.stat().st_size // 2))
    return row


def that_is_no_archive(lab: Lab, wheel: Path) -> Row:
    wheel.write_bytes(b"<html>not a wheel</html>" * 50)
    return lab.row(wheel)


def that_is_empty(lab: Lab, wheel: Path) -> Row:
    wheel.write_bytes(b"")
    return lab.row(wheel)


def that_is_half(lab: Lab, wheel: Path) -> Row:
    wheel.write_bytes(wheel.read_bytes()[:-100])
    return lab.row(wheel)


def without_metadata(lab: Lab, wheel: Path) -> Row:
    return lab.row(shape(lab, wheel.name.split("-")[0], metadata=None))


def without_wheel(lab: Lab, wheel: Path) -> Row:
    return lab.row(shape(lab, wheel.name.split("-")[0], wheel=None))


def without_dist_info(lab: Lab, wheel: Path) -> Row:
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bad.py", "x = 1\n")
    return lab.row(wheel)


def of_a_newer_kind(lab: Lab, wheel: Path) -> Row:
    text = "Wheel-Version: 2.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return lab.row(shape(lab, wheel.name.split("-")[0], wheel=text))


def of_another_name(lab: Lab, wheel: Path) -> Row:
    name = wheel.name.split("-")[0]
    return lab.row(shape(lab, name, metadata="Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"))


def of_another_version(lab: Lab, wheel: Path) -> Row:
    name = wheel.name.split("-")[0]
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.1\n"
    return lab.row(shape(lab, name, metadata=text))


def with_other_files_than_scanned(lab: Lab, wheel: Path) -> Row:
    return lab.row(wheel, files_digest=hashlib.sha256(b"other files").hexdigest())


def with_a_local_header_that_lies(lab: Lab, wheel: Path) -> Row:
    content = bytearray(wheel.read_bytes())
    at = content.index(b"bad.py")
    content[at : at + 6] = b"BAD.py"
    wheel.write_bytes(content)
    return lab.row(wheel)


def with_an_entry_that_lies(lab: Lab, wheel: Path) -> Row:
    """The archive's own checksum of an entry is wrong; RECORD agrees with the wrong bytes or not: no matter."""
    content = bytearray(wheel.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = content.index(mark) + offset
        content[at : at + 4] = b"\x01\x02\x03\x04"
    wheel.write_bytes(content)
    return lab.row(wheel)


# What spoils it, and a word that the message must have beside the name of the wheel.
SPOILERS: list[tuple[Spoil, str]] = [
    (with_another_digest, "sha256"),
    (with_another_size, "bytes"),
    (corrupted_on_the_way, "sha256"),
    (that_is_no_archive, "zip"),
    (that_is_empty, ""),
    (that_is_half, "zip"),
    (without_metadata, "METADATA"),
    (without_wheel, "WHEEL"),
    (without_dist_info, "dist-info"),
    (of_a_newer_kind, "2.0"),
    (of_another_name, "other"),
    (of_another_version, "1.1"),
    (with_other_files_than_scanned, "files"),
    (with_a_local_header_that_lies, "header"),
    (with_an_entry_that_lies, "bad.py"),
]


@pytest.mark.parametrize(("spoil", "word"), SPOILERS, ids=[spoil.__name__ for spoil, _ in SPOILERS])
def test_an_artifact(lab: Lab, spoil: Spoil, word: str) -> None:
    good = [lab.row(lab.wheel(f"good{number}")) for number in range(3)]
    bad = spoil(lab, shape(lab, "bad"))
    fault = lab.index.faults.get(bad.wheel.name, Fault())
    lab.index.fault(bad.wheel.name, replace(fault, delay_s=1.0))
    said = lab.refuse(lab.lock(*good, bad), 4)
    assert "bad" in said
    assert bad.wheel.name in said or "package bad" in said or "bad:" in said
    assert word.lower() in said.lower()
    assert not lab.prefix("env").exists()
    assert not (lab.store / "artifacts" / str(digest(bad))).exists()
    # What was good, and there before the bad one was, is not fetched again. (An empty one needs no answer.)
    lab.index.forget()
    made = lab.materialize(lab.lock(*good))
    assert lab.index.requests == [] or spoil is that_is_empty
    assert record_faults(made) == []


def digest(row: Row) -> str:
    return row.sha256 or hashlib.sha256(row.wheel.read_bytes()).hexdigest()


def test_a_body_that_ends_early_is_fetched_on(lab: Lab) -> None:
    """A connection that breaks once is no failure."""
    wheel = shape(lab, "bad", stored=True)
    lab.index.fault(wheel.name, Fault(truncate_at=500, times=1))
    assert record_faults(lab.materialize(lab.lock(wheel))) == []


def test_a_body_that_always_ends_early(lab: Lab) -> None:
    wheel = shape(lab, "bad", stored=True)
    lab.index.fault(wheel.name, Fault(truncate_at=0))
    said = lab.refuse(lab.lock(wheel), 7)
    assert wheel.name in said


def test_what_travels_with_the_lock(lab: Lab) -> None:
    """Without the folder beside it, and with another file there: no index has it, so none is spoken of."""
    wheel = lab.wheel("own")
    path = f"pylock.fastenv.d/{hashlib.sha256(wheel.read_bytes()).hexdigest()}/{wheel.name}"
    beside = lab.folder / path
    lock = lab.lock(lab.row(wheel, url=None, path=path))
    for content, status, hint in [
        (None, 4, "copy the folder pylock.fastenv.d"),
        (b"tampered", 4, "copy it again from where the lock was made"),
        (b"x" * wheel.stat().st_size, 4, "copy it again from where the lock was made"),
    ]:
        if content is not None:
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
        said = lab.refuse(lock, status)
        assert f"own: {beside}" in said
        assert hint in said
        assert "index" not in said


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_index_that_does_not_give_it(lab: Lab, status: int) -> None:
    good, wheel = lab.wheel("good"), shape(lab, "bad")
    lab.index.fault(wheel.name, Fault(status=status))
    said = lab.refuse(lab.lock(good, wheel), 7)
    assert wheel.name in said
    assert str(status) in said


def test_an_index_that_is_not_there(lab: Lab) -> None:
    wheel = shape(lab, "bad")
    said = lab.refuse(lab.lock(lab.row(wheel, url=f"http://127.0.0.1:1/{wheel.name}")), 7)
    assert wheel.name in said


def test_a_record_that_lies_is_put_right(lab: Lab) -> None:
    """The wheel is the one that was locked: installed, with a true RECORD and a warning that names it."""
    lie = "liar.py,sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,7\nabsent.py,sha256=AAAA,1\n"
    wheel = lab.wheel("liar", record=lie + "liar-1.0.dist-info/RECORD,,\n")
    prefix = lab.prefix("env")
    done = lab.run("materialize", lab.lock(wheel), "--prefix", prefix)
    assert done.code == 0, done.err
    (warning,) = [line for line in done.err.splitlines() if "warning" in line]
    assert "liar" in warning
    assert "RECORD" in warning
    assert record_faults(prefix) == []
    assert lab.run("verify", prefix, "--full").code == 0
    # It is told each time, not only when it is unpacked.
    again = lab.run("materialize", lab.lock(wheel), "--prefix", lab.prefix("again"))
    assert warning in again.err


def test_a_record_that_is_not_there_is_made(lab: Lab) -> None:
    wheel = lab.wheel("liar", record=None)
    done = lab.run("materialize", lab.lock(wheel), "--prefix", lab.prefix("env"))
    if done.code == 0:
        assert record_faults(lab.prefix("env")) == []
        assert "RECORD" in done.err
    else:
        assert (done.code, "RECORD" in done.err, "liar" in done.err) == (4, True, True)


def test_a_carried_wheel(lab: Lab) -> None:
    """Bytes beside the lock: used without a network, missing ones named, changed ones refused."""
    wheel = lab.wheel("carried")
    inner = f"pylock.fastenv.d/{digest(Row(wheel))}/{wheel.name}"
    lock = lab.lock(Row(wheel, path=inner))
    said = lab.refuse(lock, 4)
    assert inner in said or wheel.name in said
    place = lab.folder / inner
    place.parent.mkdir(parents=True)
    place.write_bytes(b"other bytes")
    said = lab.refuse(lock, 4)
    assert "carried" in said
    place.write_bytes(wheel.read_bytes())
    prefix = lab.materialize(lock)
    assert (site_packages(prefix) / "carried.py").exists()
    assert lab.index.requests == []


def test_two_packages_with_a_file_where_the_other_has_a_folder(lab: Lab) -> None:
    one = lab.wheel("one", files={"thing": "a file"})
    two = lab.wheel("two", files={"thing/inner.py": ""})
    said = lab.refuse(lab.lock(one, two), 4)
    assert "site/thing" in said
    assert "one" in said
    assert "two" in said
