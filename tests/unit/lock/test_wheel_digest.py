"""The files digest of a wheel is that of its installed copy, whoever installed it."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.lab.venv import alone, make_venv

from fastenv.lock.wheel_digest import NotAWheel, digest_of_wheel, wheel_files_digest
from fastenv.scan import scan
from fastenv.testing import make_wheel

WHEELS: dict[str, dict[str, object]] = {
    "plain": {"files": {"plain.py": "A = 1\n", "plain/data/ä ö.txt": "x", "a,b.py": ""}},
    "scripted": {
        "data": {
            "scripts/one": "#!python\nprint()\n",
            "scripts/two": b"\x7fELF binary",
            "scripts/three": "#!/bin/sh\n",
        },
        "entry_points": {
            "console_scripts": {"four": "x:y", "five": "x:y [extra]"},
            "gui_scripts": {"six": "x:y"},
        },
    },
    "spread": {
        "data": {
            "purelib/spread/pure.py": "",
            "platlib/spread/plat.so": b"\x7fELF",
            "headers/spread.h": "int x;",
            "data/share/man/man1/spread.1": "x",
            "data/etc/spread.conf": "y",
        },
    },
    "compiled": {"files": {"compiled.py": "", "__pycache__/compiled.cpython-311.pyc": b"x"}},
    "vendor": {
        "files": {
            "vendor.py": "",
            "vendor/other-1.dist-info/RECORD": "x",
            "vendor/other-1.dist-info/INSTALLER": "y",
        }
    },
}


@pytest.mark.parametrize("name", WHEELS)
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_same_as_installed(
    name: str, installer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, tmp_path / "home")
    wheel = make_wheel(tmp_path / "wheels", name, "1.0", **WHEELS[name])  # type: ignore[arg-type]
    if installer == "uv":
        python = make_venv(tmp_path / "env", name, links=wheel.parent)
    else:
        python = make_venv(tmp_path / "env")
        words = ["install", "--quiet", "--no-deps", "--no-index", "--find-links", str(wheel.parent), name]
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *words], check=True)
    (installed,) = scan(python=python).distributions
    with wheel.open("rb") as stream:
        assert wheel_files_digest(stream) == installed.files_digest


@pytest.mark.parametrize("body", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 100])
def test_no_zip(body: bytes) -> None:
    with pytest.raises(NotAWheel):
        wheel_files_digest(io.BytesIO(body))


@pytest.mark.parametrize("digest", ["a", "\u00e4"])
def test_a_record_with_a_digest_that_is_none(tmp_path: Path, digest: str) -> None:
    wheel = tmp_path / "alpha-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("alpha-1.0.dist-info/RECORD", f"alpha.py,sha256={digest},1\n")
    with pytest.raises(NotAWheel, match="not a sound wheel"):
        digest_of_wheel(wheel)


def test_an_encrypted_record(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "alpha")
    body = bytearray(wheel.read_bytes())
    at = body.rindex(b"PK\x01\x02")  # the central directory's last entry
    body[at + 8] |= 1
    with pytest.raises(NotAWheel, match="encrypted"):
        wheel_files_digest(io.BytesIO(bytes(body)))


def test_no_record(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "alpha", record=None)
    with wheel.open("rb") as stream, pytest.raises(NotAWheel, match="0 RECORD files"):
        wheel_files_digest(stream)
