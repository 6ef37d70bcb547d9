"""What a wheel may hold: each kind gives the tree that uv makes of it, and RECORDs that are true."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.lab.lab import Lab, run
from tests.lab.locks import here
from tests.lab.records import record_faults, rows, site_packages
from tests.lab.trees import differences, listing

SERIES = ".".join(here().version.split(".")[:2])
PLATFORM = f"cp{SERIES.replace('.', '')}-cp{SERIES.replace('.', '')}-linux_x86_64"

SHAPES: dict[str, dict[str, Any]] = {
    "a module": {},
    "data of every scheme": {
        "data": {
            "purelib/shape/pure.py": "pure = 1\n",
            "platlib/shape/plat.py": "plat = 1\n",
            "scripts/shape-tool": "#!python\nprint('tool')\n",
            "headers/shape.h": "#define SHAPE 1\n",
            "headers/deep/er.h": "",
            "data/share/shape/words.txt": "words\n",
            "data/etc/shape.cfg": "[shape]\n",
        },
    },
    "data that lies in site-packages": {
        "data": {f"data/lib/python{SERIES}/site-packages/laid.py": "laid = 1\n"}
    },
    "scripts that are no Python": {
        "data": {
            "scripts/shell": "#!/bin/sh\necho shell\n",
            "scripts/binary": b"\x7fELF\x00\xff",
            "scripts/empty": b"",
            "scripts/windowed": "#!pythonw\nprint(1)\n",
            "scripts/optioned": "#!python -u\nprint(1)\n",
            "scripts/near": "#!python3\nprint(1)\n",
        },
    },
    "entry points": {
        "entry_points": {
            "console_scripts": {"shape-run": "shape:main", "shape-deep": "shape.sub:Main.run [extra]"},
            "gui_scripts": {"shape-gui": "shape:main"},
            "other.group": {"plugin": "shape:main"},
        },
    },
    "an executable file": {
        "files": {"shape/run.sh": "#!/bin/sh\n", "shape/plain.sh": "#!/bin/sh\n"},
        "executable": ["shape/run.sh"],
    },
    "names beyond ASCII": {
        "files": {"größe/ß.py": "", "日本/語.txt": "x", "with space/a, b.txt": "", 'quo"te.txt': ""}
    },
    "files with nothing in them": {"files": {"shape/__init__.py": "", "shape/py.typed": ""}},
    "a path file": {"files": {"shape.pth": "shape_inner\n", "shape_inner/found.py": ""}},
    "more metadata": {
        "extra_dist_info": {
            "licenses/LICENSE": "free",
            "sboms/bom.json": "{}",
            "top_level.txt": "shape",
        }
    },
    "another's metadata within": {
        "files": {
            "shape/_vendor/other-2.0.dist-info/METADATA": "Name: other\n",
            "shape/_vendor/other-2.0.dist-info/RECORD": "other.py,,\n",
            "shape/_vendor/other-2.0.dist-info/INSTALLER": "someone\n",
        }
    },
    "byte code": {
        "files": {"shape.py": "", f"__pycache__/shape.cpython-{SERIES.replace('.', '')}.pyc": b"x"}
    },
    "stored entries": {"stored": True, "files": {"shape.py": "x = 1\n" * 1000}},
    "a platform": {"tags": [PLATFORM], "files": {"shape/core.so": b"\x7fELF" * 5000}},
    "several tags": {"tags": ["py2-none-any", "py3-none-any"]},
    "a build number": {"build": "7"},
    "a dist-info spelt otherwise": {"dist_info": "Sh.ape-1.0", "filename": "Sh.ape-1.0-py3-none-any.whl"},
    "a large file": {"files": {"shape/large.bin": bytes(range(256)) * 40_000}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wheel_becomes_the_tree_that_uv_makes(lab: Lab, shape: str) -> None:
    wheel = lab.wheel("Sh.ape" if "spelt" in shape else "shape", **SHAPES[shape])
    prefix = lab.materialize(lab.lock(wheel))
    assert differences(prefix, lab.reference(wheel)) == []
    assert record_faults(prefix) == []
    assert lab.run("verify", prefix, "--full").code == 0


def test_the_tree_has_what_the_wheel_says(lab: Lab) -> None:
    """Not only the same as uv's: each scheme goes where the specification says."""
    wheel = lab.wheel("shape", **SHAPES["data of every scheme"])
    prefix = lab.materialize(lab.lock(wheel))
    site = f"lib/python{SERIES}/site-packages"
    expected = {
        f"{site}/shape.py",
        f"{site}/shape/pure.py",
        f"{site}/shape/plat.py",
        "bin/shape-tool",
        f"include/site/python{SERIES}/shape/shape.h",
        f"include/site/python{SERIES}/shape/deep/er.h",
        "share/shape/words.txt",
        "etc/shape.cfg",
        f"{site}/shape-1.0.dist-info/METADATA",
        f"{site}/shape-1.0.dist-info/WHEEL",
        "lib64",
    }
    assert set(listing(prefix)) == expected


def test_a_namespace_is_shared(lab: Lab) -> None:
    one = lab.wheel("one", files={"space/one.py": "x = 1\n", "space/deep/a.py": ""})
    two = lab.wheel("two", files={"space/two.py": "from space.one import x\n", "space/deep/b.py": ""})
    prefix = lab.materialize(lab.lock(one, two))
    assert differences(prefix, lab.reference(one, two)) == []
    done = run([str(prefix / "bin/python"), "-c", "import space.two"], env=lab.environ)
    assert done.code == 0, done.err


def test_path_files_work(lab: Lab) -> None:
    wheel = lab.wheel("shape", **SHAPES["a path file"])
    prefix = lab.materialize(lab.lock(wheel))
    run([str(prefix / "bin/python"), "-c", "import found"], env=lab.environ, code=0)


class _Pipe(io.RawIOBase):
    """A stream that can't seek: `zipfile` must write sizes after the data."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._stream.write(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def rewritten(wheel: Path, *, streamed: bool) -> Path:
    """The same wheel, its archive written by this process's `zipfile` once more."""
    with zipfile.ZipFile(wheel) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    wheel.unlink()
    target: Any = _Pipe(wheel) if streamed else wheel
    with zipfile.ZipFile(target, "w") as archive:
        for info, content in entries:
            copy = zipfile.ZipInfo(info.filename, info.date_time)
            copy.external_attr, copy.compress_type = info.external_attr, info.compress_type
            archive.writestr(copy, content)
    if streamed:
        target.close()
    return wheel


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("large", [True, False])
def test_archives_of_every_kind(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, streamed: bool, large: bool
) -> None:
    """Data descriptors, and zip64 in every place where it can stand."""
    files = {"shape/a.py": "a = 1\n" * 500, "shape/b.py": "", "shape/c.bin": bytes(300_000)}
    wheel = lab.wheel("shape", files=files, stored=["shape/c.bin"])
    if large:
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 8)
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    rewritten(wheel, streamed=streamed)
    assert (b"PK\x06\x06" in wheel.read_bytes()) == large
    assert (b"PK\x07\x08" in wheel.read_bytes()) == streamed
    prefix = lab.materialize(lab.lock(wheel))
    site = site_packages(prefix)
    assert {name: (site / name).read_bytes() for name in files} == {
        name: content.encode() if isinstance(content, str) else content for name, content in files.items()
    }
    assert record_faults(prefix) == []


def test_folders_of_an_archive_are_no_files(lab: Lab) -> None:
    wheel = lab.wheel("shape", files={"shape/a.py": ""})
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("shape/", "")
        archive.writestr("hollow/", "")
    prefix = lab.materialize(lab.lock(wheel))
    paths = [path for path, _, _ in rows(site_packages(prefix) / "shape-1.0.dist-info/RECORD")]
    assert not any(path.endswith("/") for path in paths)
    assert differences(prefix, lab.reference(wheel)) == []
