"""RECORD, install paths and the files digest."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastenv.scan.record import files_digest, install_path, parse_record, read_record
from fastenv.testing import record_row

if TYPE_CHECKING:
    from tests.unit.scan.environment import Environment

SITE = "/opt/env/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("foo/__init__.py", "site/foo/__init__.py"),
        ("./foo.py", "site/foo.py"),
        ("foo/../bar.py", "site/bar.py"),
        ("foo/.hidden", "site/foo/.hidden"),
        (".hidden", "site/.hidden"),
        ("..data/x", "site/..data/x"),
        ("../../../bin/run", "prefix/bin/run"),
        ("../../../lib64/python3.11/site-packages/a/b.so", "site/a/b.so"),
        ("../../../lib/python3.9/dist-packages/a.py", "site/a.py"),
        ("../../../include/site/python3.11/Foo/foo.h", "headers/foo/foo.h"),
        ("../../../include/python3.11/Foo/foo.h", "headers/foo/foo.h"),
        ("../../../include/site/python3.11/FOO/a/foo.h", "headers/foo/a/foo.h"),
        ("../../../include/foo.h", "prefix/include/foo.h"),
        ("../../../share/a b/ü", "prefix/share/a b/ü"),
        ("../stdlib.py", "prefix/lib/python3.11/stdlib.py"),
        (f"{SITE}/foo.py", "site/foo.py"),
        ("/opt/env/bin/run", "prefix/bin/run"),
        ("../../../../elsewhere", ""),
        ("/etc/passwd", ""),
        ("../../../../env2/x", ""),
        ("", ""),
    ],
)
def test_install_path(row: str, expected: str) -> None:
    """The layout-free form of a row; empty where it leads out of the environment."""
    record = parse_record(f"{row},,\n", f"{SITE}/foo-1.0.dist-info")
    assert record.installs == ([expected] if expected else [])
    assert len(record.outside) == (not expected)


def test_rows_of_pip_install_target() -> None:
    """pip --target leaves rows of another layout; the script is in the target's own bin."""
    assert install_path("/home/me/target", "../../bin/run") == "prefix/bin/run"
    assert install_path("/home/me/target", "foo.py") == "site/foo.py"


def test_parts_of_a_record() -> None:
    """Hashes in hex, quoted names, byte code apart, other algorithms unhashed, nonsense counted."""
    text = (
        record_row("foo,bar.py", b"1").replace("\n", "\r\n")
        + record_row("foo.py", b"2")
        + "old.py,md5=cafe,3\nfoo-1.0.dist-info/RECORD,,\n__pycache__/foo.cpython-311.pyc,,\n"
        + "nonsense\nfoo2.py,sha256=short,1\n\n"
    )
    record = parse_record(text, f"{SITE}/foo-1.0.dist-info")
    names = ["foo,bar.py", "foo.py", "old.py", "foo-1.0.dist-info/RECORD", "foo2.py"]
    assert record.paths == names
    digests = [hashlib.sha256(body).hexdigest() for body in (b"1", b"2")]
    assert record.hashes == [*digests, "", "", ""]
    assert record.sizes == ["1", "1", "3", "", "1"]
    assert record.bytecode == ("site/__pycache__/foo.cpython-311.pyc",)
    assert record.bad == 1
    assert next(row.file for row in record.rows()) == f"{SITE}/foo,bar.py"


def test_files_digest_vector() -> None:
    """The digest of a known RECORD; the text that is hashed is in docs/inventory.md."""
    body = {
        "foo/__init__.py": b"",
        "../../../share/foo": b"x",
        "../../../bin/foo": b"y",
        "foo.pyc": b"z",
    }
    info = ["INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "METADATA"]
    body |= {f"foo-1.0.dist-info/{name}": b"m" for name in info}
    rows = "".join(record_row(*item) for item in body.items()) + "foo-1.0.dist-info/RECORD,,\n"
    record = parse_record(rows, f"{SITE}/foo-1.0.dist-info")
    text = (
        f"prefix/share/foo\t{hashlib.sha256(b'x').hexdigest()}\t1\n"
        f"site/foo-1.0.dist-info/METADATA\t{hashlib.sha256(b'm').hexdigest()}\t1\n"
        f"site/foo/__init__.py\t{hashlib.sha256(b'').hexdigest()}\t0\n"
    )
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert files_digest(record, {"foo"}) == expected
    assert files_digest(parse_record(rows * 2, f"{SITE}/foo-1.0.dist-info"), {"foo"}) == expected
    assert files_digest(record, ()) != expected


def test_a_nested_record_is_but_a_file() -> None:
    """RECORD, INSTALLER and so on of a vendored dist-info belong to the distribution."""
    rows = record_row("foo/_vendor/bar-1.0.dist-info/RECORD", b"1")
    record = parse_record(rows, f"{SITE}/foo-1.0.dist-info")
    assert files_digest(record, ()) != files_digest(parse_record("", f"{SITE}/foo-1.0.dist-info"), ())


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_installed_and_wheel_have_one_digest(environment: Environment, installer: str) -> None:
    """Whoever installs a wheel, its digest is that of the wheel's own RECORD with .data mapped."""
    wheel = environment.wheel(
        "Demo.Pkg",
        files={"demo/__init__.py": "x = 1\n", "demo/data,1.txt": "y"},
        data={
            "scripts/run": "#!python\nprint(1)\n",
            "scripts/raw": b"\x7fELF",
            "data/share/demo/a": "a",
            "headers/demo.h": "h",
            "platlib/demo_ext.py": "e",
        },
        entry_points={
            "console_scripts": {"demo": "demo:main"},
            "gui_scripts": {"demo-gui": "demo:main"},
        },
    )
    (environment.install if installer == "uv" else environment.install_by_pip)(wheel)
    found = environment.scan_one("demo-pkg")
    assert found.files_digest == digest_of_wheel(wheel, "demo_pkg")
    assert found.installer == installer
    assert not found.problems


def digest_of_wheel(wheel: Path, stem: str) -> str:
    """What a node computes: written out plainly, from the wheel alone."""
    data, info = f"{stem}-1.0.data/", f"{stem}-1.0.dist-info/"
    places = {
        "scripts": "prefix/bin/",
        "data": "prefix/",
        "headers": f"headers/{stem}/",
        "platlib": "site/",
    }
    lines = []
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            body = archive.read(name)
            install = f"site/{name}"
            if name.startswith(data):
                scheme, _, rest = name.removeprefix(data).partition("/")
                install = places[scheme] + rest
            if install.startswith("prefix/bin/") and body.startswith(b"#!"):
                continue
            if name != f"{info}RECORD":
                lines.append(f"{install}\t{hashlib.sha256(body).hexdigest()}\t{len(body)}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def test_files_are_found_where_they_are(environment: Environment) -> None:
    """The file that a row means exists, in site-packages, in bin and in share."""
    environment.install(environment.wheel("demo", data={"scripts/run": "#!python\n", "data/share/x": "1"}))
    record = read_record(environment.scan_one("demo").metadata_path)
    assert all(Path(row.file).is_file() for row in record.rows())
    assert any(row.install_path == "prefix/share/x" for row in record.rows())
