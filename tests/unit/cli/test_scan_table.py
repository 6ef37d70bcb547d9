"""What ``fastenv scan`` prints."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from rich.console import Console
from tests.unit.lock.inventories import conda_package, distribution, inventory

from fastenv.cli.scan import human_size, scan, show
from fastenv.exceptions import FileSystemError
from fastenv.scan.inventory import (
    Broken,
    Claim,
    CondaEnvironment,
    Contested,
    Inventory,
    LeftOut,
    Origin,
    Shadowed,
    Stray,
    SystemLibrary,
)

if TYPE_CHECKING:
    from pathlib import Path

NUMPY = distribution("numpy", "2.4.6", files=900, size=61_234_567)
CHECKOUT = replace(
    NUMPY,
    name="a-project-with-quite-a-long-name-of-its-own",
    version="2026.11.21.dev123+g0123456789abcdef",
    layer="PYTHONPATH",
    origin=Origin("vcs", "https://git.example/p", vcs="git", commit="0123456789abcdef"),
    files=0,
    size=0,
)
INVENTORY = inventory(CHECKOUT, NUMPY)


def text(shown: Inventory, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    show(shown, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_table_and_summary() -> None:
    """Name, version, origin, layer and size; a line that sums up; nothing else when all is well."""
    lines = text(replace(INVENTORY, distributions=(NUMPY,))).splitlines()
    assert lines[1].split() == ["Name", "Version", "Origin", "Layer", "Size"]
    assert lines[3].split() == ["numpy", "2.4.6", "index", "env", "61", "MB"]
    assert lines[-1] == (
        "1 distribution, 61 MB in 900 files; CPython 3.11.7 in /env, a venv on /usr/bin/python3.11"
    )


def test_conda_packages_have_the_size_of_their_archives() -> None:
    """Their records tell no other."""
    packages = (replace(conda_package("zlib"), size=77_123), replace(conda_package("old"), size=None))
    conda = CondaEnvironment("/e", packages, True, (), None, (), ())
    shown = text(replace(INVENTORY, distributions=(NUMPY,), conda=conda))
    lines = [line.strip() for line in shown.splitlines()]
    assert [line.split()[-2:] for line in lines if line.startswith("zlib")] == [["kB", "packed"]]
    assert [line.split()[-1] for line in lines if line.startswith("old")] == ["-"]
    assert lines[-1].startswith("1 distribution and 2 conda packages (77 kB packed), 61 MB in 900 files")


def test_80_columns() -> None:
    """The table fits, and no letter of a long name or version is lost."""
    table = text(INVENTORY).partition("2 distributions,")[0].splitlines()
    assert max(map(len, table)) <= 80
    starts = [table[1].index(title) for title in ("Name", "Version", "Origin")]
    rows = [row for row in table[3:] if "numpy" not in row]
    cells = ["".join(row[at:to].strip() for row in rows) for at, to in itertools.pairwise(starts)]
    assert cells == [CHECKOUT.name, CHECKOUT.version]
    assert "git 0123456" in rows[0]


def test_sections() -> None:
    """Each kind that deserves a look is named with its reason; the tool's own files are not."""
    everything = replace(
        INVENTORY,
        broken=(Broken("/env/s/x.dist-info", "env", "", ("it has no METADATA", "and more")),),
        shadowed=(Shadowed("six", "1.0", "user", "/u/six", "/env/six", "/env/s (env) comes before /u"),),
        strays=(
            Stray("/env/s/loose.py", "env", "module", "no distribution's RECORD names it"),
            Stray("/env/s/_virtualenv.py", "env", "venv", "written by the tool that made the venv"),
        ),
        contested=(
            Contested("site/a.py", "b", (Claim("a", "0", "env"), Claim("b", "1", "env")), "its bytes"),
            Contested("site/c.py", None, (Claim("a", "0", "env"),), "/env/s/c.py cannot be read"),
        ),
        libraries=(
            SystemLibrary("libGL.so.1", ("opencv-python",), "/lib/libGL.so.1"),
            SystemLibrary("libc.so.6", ("numpy",), "/lib/libc.so.6", versions=("GLIBC_2.34",)),
            SystemLibrary("libstdc++.so.6", ("a", "b", "c", "d"), "/lib/libstdc++.so.6"),
            SystemLibrary("libtbb.so.12", ("numba",), ""),
        ),
        left_out=(LeftOut("fastenv", "0.1", "env", "fastenv itself"),),
        notes=("PYTHONHOME is set; it was not followed",),
    )
    shown = text(everything)
    for line in (
        "  s/x.dist-info  it has no METADATA; and more",
        "  six 1.0  s (env) comes before /u",
        "  s/loose.py  no distribution's RECORD names it",
        "  site/a.py  a and b: b's is there",
        "  site/c.py  a: s/c.py cannot be read",
        "Libraries that are missing on this machine (1)",
        "  libtbb.so.12  numba",
        "Libraries of this system, which a node must have, too (2)",
        "  libGL.so.1 (opencv-python), libstdc++.so.6 (a, b and 2 more)",
        "  fastenv 0.1  fastenv itself",
        "  PYTHONHOME is set; it was not followed",
    ):
        assert line in shown.splitlines()
    assert "_virtualenv" not in shown


def test_loose_code_that_a_lock_ships_is_no_stray() -> None:
    strays = (
        Stray("/env/src/mine.py", "PYTHONPATH", "module", "in a directory named by PYTHONPATH"),
        Stray("/env/bin/tool", "env", "script", "no distribution's RECORD names it"),
    )
    lines = text(replace(INVENTORY, strays=strays)).splitlines()
    shipped = lines.index(
        "Loose code: owned by no distribution; fastenv lock packs it up, or says why not (1)"
    )
    assert lines[shipped + 1].startswith("  src/mine.py")
    assert lines[lines.index("Strays: owned by no distribution, so part of no copy (1)") + 1].startswith(
        "  bin/tool"
    )


def test_long_sections_are_cut() -> None:
    """Twenty lines, then a count; long paths stay on one line."""
    strays = tuple(Stray(f"/env/{'x' * 100}/{n}", "env", "file", "why") for n in range(25))
    shown = text(replace(INVENTORY, strays=strays)).splitlines()
    assert shown[-1] == "  and 5 more, which --json lists"
    assert sum("x" * 100 in line for line in shown) == 20


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2_005_000_000, "2.0 GB"),
        (10**16, "10000 TB"),
    ],
)
def test_human_size(size: int, expected: str) -> None:
    assert human_size(size) == expected


def test_json_and_file(tmp_path: Path) -> None:
    """--json prints the inventory alone; -o writes it and shows the table; -o - is stdout."""
    runner = CliRunner()
    printed = runner.invoke(scan, ["--json", "--layers", "env", "--include-self"], catch_exceptions=False)
    assert Inventory.from_json(printed.stdout).prefix
    file = tmp_path / "inventory.json"
    shown = runner.invoke(scan, ["-o", str(file), "--layers", "env"], catch_exceptions=False)
    assert "Version" in shown.stdout
    assert json.loads(file.read_text())["format"] == 3
    dashed = runner.invoke(scan, ["-o", "-"], catch_exceptions=False)
    assert Inventory.from_json(dashed.stdout).format == 3


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """An error of the file system that names the file."""
    with pytest.raises(FileSystemError, match="Is a directory"):
        CliRunner().invoke(scan, ["-o", str(tmp_path)], catch_exceptions=False)
