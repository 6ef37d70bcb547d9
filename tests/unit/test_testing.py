"""The wheels that tests are made of are themselves right."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from fastenv.testing import make_wheel, record_row

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """No clock, no umask, no dictionary order of the machine is in a wheel."""
    one = make_wheel(
        tmp_path / "a", "Demo.Pkg", "1.0", entry_points={"console_scripts": {"demo": "demo:main"}}
    )
    two = make_wheel(
        tmp_path / "b", "Demo.Pkg", "1.0", entry_points={"console_scripts": {"demo": "demo:main"}}
    )
    assert one.name == "demo_pkg-1.0-py3-none-any.whl"
    assert one.read_bytes() == two.read_bytes()


def test_every_file_is_in_record(tmp_path: Path) -> None:
    """RECORD names every entry with its hash and size, itself without."""
    entries = read(make_wheel(tmp_path, "demo", data={"scripts/run": "#!python\n", "data/share/a,b": "x"}))
    record = entries.pop("demo-1.0.dist-info/RECORD").decode()
    assert record == "".join(record_row(*item) for item in entries.items()) + "demo-1.0.dist-info/RECORD,,\n"
    assert '"demo-1.0.data/data/share/a,b",sha256=' in record


def test_modes_and_compression(tmp_path: Path) -> None:
    """Scripts are executable, and what is asked to be stored is stored."""
    path = make_wheel(
        tmp_path,
        "demo",
        files={"demo/__init__.py": "", "demo/tool": "x" * 99},
        data={"scripts/run": ""},
        executable=["demo/tool"],
        stored=["demo/tool"],
    )
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    assert infos["demo/tool"].external_attr >> 16 == 0o100755
    assert infos["demo-1.0.data/scripts/run"].external_attr >> 16 == 0o100755
    assert infos["demo/__init__.py"].external_attr >> 16 == 0o100644
    assert infos["demo/tool"].compress_type == zipfile.ZIP_STORED
    assert infos["demo/__init__.py"].compress_type == zipfile.ZIP_DEFLATED


def test_texts_can_lie_or_be_absent(tmp_path: Path) -> None:
    """METADATA, WHEEL and RECORD can be replaced or left out."""
    entries = read(make_wheel(tmp_path, "demo", metadata=None, record="nonsense\n", wheel=b"\xff"))
    assert "demo-1.0.dist-info/METADATA" not in entries
    assert entries["demo-1.0.dist-info/RECORD"] == b"nonsense\n"
    assert entries["demo-1.0.dist-info/WHEEL"] == b"\xff"


def test_compressed_tags(tmp_path: Path) -> None:
    """Several tags are joined in the file name and written out in WHEEL."""
    path = make_wheel(
        tmp_path, "demo", tags=["cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"], build="2"
    )
    assert path.name == "demo-1.0-2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    wheel = read(path)["demo-1.0.dist-info/WHEEL"].decode()
    assert "Tag: cp311-cp311-manylinux2014_x86_64\n" in wheel
    assert "Build: 2\n" in wheel
    assert "Root-Is-Purelib: false\n" in wheel
