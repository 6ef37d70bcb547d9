"""The index that the other tests lean on must itself do what it says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.index_server import JSON_TYPE, Fault, IndexServer

NAME = "Foo_bar-1.0-py3-none-any.whl"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexServer]:
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        archive.writestr("foo_bar-1.0.dist-info/METADATA", "Name: foo-bar\n")
        archive.writestr("foo.py", "x" * 200_000)
    with IndexServer(tmp_path) as server:
        yield server


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.read()


def test_pages_and_files(index: IndexServer, tmp_path: Path) -> None:
    """Both kinds of page lead to the file, and a range of it is a part of it."""
    page = json.loads(get(index.url + "foo-bar/", Accept=JSON_TYPE)[1])
    assert page["files"][0]["size"] == (tmp_path / NAME).stat().st_size
    assert b"#sha256=" in get(index.url + "foo-bar/")[1]
    whole = get(index.files_url + NAME)[1]
    assert whole == (tmp_path / NAME).read_bytes()
    assert get(index.files_url + NAME, Range="bytes=10-19") == (206, whole[10:20])
    assert get(index.files_url + NAME, Range="bytes=-5") == (206, whole[-5:])
    assert get(index.files_url + NAME, "HEAD") == (200, b"")
    assert index.requested(NAME, "HEAD")[0].status == 200


def test_faults_run_out(index: IndexServer) -> None:
    """A fault with a count spoils so many answers, and not the next."""
    index.fault(NAME, Fault(status=503, retry_after="1", times=1))
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(index.files_url + NAME)
    assert get(index.files_url + NAME)[0] == 200


def test_bytes_are_spoilt_as_ordered(index: IndexServer, tmp_path: Path) -> None:
    """Truncated, corrupt and range-less bodies arrive so."""
    whole = (tmp_path / NAME).read_bytes()
    index.fault(NAME, Fault(corrupt_at=5))
    assert get(index.files_url + NAME)[1][5] == whole[5] ^ 0xFF
    index.fault(NAME, Fault(ignore_ranges=True))
    assert get(index.files_url + NAME, Range="bytes=1-2") == (200, whole)
    index.fault(NAME, Fault(truncate_at=100))
    with pytest.raises(Exception, match="IncompleteRead"):
        get(index.files_url + NAME)


def test_authentication(index: IndexServer) -> None:
    """Without the right word nothing is told."""
    index.options.user, index.options.password = "me", "secret"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(index.url)
    assert get(index.url, Authorization="Basic bWU6c2VjcmV0")[0] == 200
