"""Laws of RECORD: the quick reader agrees with a plain one, and the digest with its definition."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from fastenv.scan.record import files_digest, install_path, parse_record

if TYPE_CHECKING:
    import random

SITE = "/opt/env/lib/python3.11/site-packages"
INFO = "foo-1.0.dist-info"
names = st.text("ab.,\"' ü-/", min_size=1, max_size=12) | st.sampled_from(
    ["../../../bin/run", "../x", f"{INFO}/RECORD", "a.pyc", "/etc/x", "..", "a/../b", "foo/.x"]
)
hashes = st.binary(min_size=32, max_size=32).map(
    lambda digest: "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
) | st.sampled_from(["", "md5=abc", "sha256=short", "sha256=" + "*" * 43, "sha256=" + "é" * 43])
rows = st.lists(st.tuples(names, hashes, st.sampled_from(["", "0", "12", "x"])), max_size=8)
ends = st.sampled_from(["\n", "\r\n"])


def written(table: list[tuple[str, str, str]], end: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows(table)
    return text.getvalue()


def plain_hex(text: str) -> str:
    """A hash of RECORD as hex, the slow way."""
    if len(text) != len("sha256=") + 43 or not text.isascii() or "*" in text:
        return ""
    return base64.urlsafe_b64decode(text[7:] + "=").hex() if text.startswith("sha256=") else ""


@given(rows, ends)
def test_the_quick_reader_is_right(table: list[tuple[str, str, str]], end: str) -> None:
    """Every row once, in order, with its install path and hash; byte code and strays apart."""
    record = parse_record(written(table, end), f"{SITE}/{INFO}")
    expected = [
        (path, install_path(SITE, path), plain_hex(digest), size)
        for path, digest, size in table
        if not path.endswith(".pyc")
    ]
    columns = zip(record.paths, record.installs, record.hashes, record.sizes, strict=True)
    assert list(columns) == [row for row in expected if row[1]]
    assert list(record.outside) == [path for path, install, _, _ in expected if not install]
    assert record.bad == 0


@given(rows, st.randoms(use_true_random=False), ends)
def test_the_digest_is_free_of_order(
    table: list[tuple[str, str, str]], chance: random.Random, end: str
) -> None:
    """Neither the order of rows, nor a row twice, nor how lines end changes the files digest."""
    shuffled = [*table, *table]
    chance.shuffle(shuffled)
    one = parse_record(written(table, "\n"), f"{SITE}/{INFO}")
    other = parse_record(written(shuffled, end), f"{SITE}/{INFO}")
    assert files_digest(one, ()) == files_digest(other, ())


@given(rows)
def test_the_digest_is_its_definition(table: list[tuple[str, str, str]]) -> None:
    """sha256 over the sorted lines of install path, hash and size, as docs/inventory.md says."""
    skipped = {f"site/{INFO}/RECORD", "prefix/bin/run"}
    lines = {
        f"{install_path(SITE, path)}\t{plain_hex(digest)}\t{size}\n"
        for path, digest, size in table
        if plain_hex(digest) and install_path(SITE, path) and not path.endswith(".pyc")
        if install_path(SITE, path) not in skipped
    }
    expected = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert files_digest(parse_record(written(table, "\n"), f"{SITE}/{INFO}"), {"run"}) == expected


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Nonsense gives no error but a count of bad lines."""
    parse_record(text, f"{SITE}/{INFO}")
