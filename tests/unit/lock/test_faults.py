"""What an inventory alone shows can't be locked, and what is in no index."""

from __future__ import annotations

import pytest
from tests.unit.lock.inventories import distribution, inventory

from fastenv.lock.edits import Edit
from fastenv.lock.faults import edited, inventory_faults, unfetchable
from fastenv.scan.inventory import Broken, Claim, Contested, Distribution, Origin

CASES = [
    (distribution(), None),
    (distribution(origin=Origin("unknown")), None),
    (
        distribution(origin=Origin("vcs", "https://g.example/x", vcs="git", commit="abc")),
        "from git https://g.example/x at commit abc",
    ),
    (distribution(origin=Origin("editable", "file:///src")), "editable: its code is in file:///src"),
    (distribution(origin=Origin("local-dir", "file:///src")), "built from the folder file:///src"),
    (
        distribution(origin=Origin("archive", "https://x.example/x.whl")),
        "installed from the file https://x.example/x.whl",
    ),
    (distribution(origin=Origin("system"), installer="debian"), "operating system's (debian)"),
    (distribution(files_digest=None), "has no RECORD"),
]


@pytest.mark.parametrize(("it", "reason"), CASES)
def test_reasons(it: Distribution, reason: str | None) -> None:
    found = unfetchable(inventory(it))
    assert list(inventory_faults(inventory(it))) == []
    assert len(found) == (reason is not None)
    if reason is not None:
        assert reason in found["alpha"].fault.reason
        assert found["alpha"].fault.hint
        assert "--find-links" not in found["alpha"].fault.hint, "fastenv has no such option"


def test_a_version_that_no_wheel_can_have() -> None:
    it = inventory(distribution(version="1.0-custom-x"))
    assert "PEP 440" in next(inventory_faults(it)).reason
    assert unfetchable(it) == {}


def test_damaged_metadata_of_what_is_known() -> None:
    """What can be packed up is no fault by itself."""
    it = distribution(problems=("RECORD is bad",))
    damaged = inventory(it, broken=(Broken(it.metadata_path, "env", "alpha", ("RECORD is bad",)),))
    assert list(inventory_faults(damaged)) == []
    assert unfetchable(damaged)["alpha"].warn
    assert "RECORD is bad" in unfetchable(damaged)["alpha"].fault.reason


def test_broken_metadata() -> None:
    broken = (
        Broken("/env/alpha-1.0.dist-info", "env", "alpha", ("METADATA is missing", "RECORD is missing")),
        Broken("/env/~lpha-1.0.dist-info", "env", "", ("a leftover",)),
    )
    found = list(inventory_faults(inventory(distribution(), broken=broken)))
    assert [(fault.package, fault.version) for fault in found] == [
        ("alpha", "1.0"),
        ("~lpha-1.0.dist-info", "?"),
    ]
    assert "METADATA is missing; RECORD is missing" in found[0].reason


def test_contested_path_with_nobodys_bytes() -> None:
    claims = (Claim("alpha", "a" * 64, "env"), Claim("beta", "b" * 64, "env"))
    contested = (Contested("site/x.py", None, claims, "it has the bytes of none of them"),)
    (fault,) = inventory_faults(inventory(distribution(), distribution("beta"), contested=contested))
    assert "site/x.py, which alpha and beta claim" in fault.reason


def test_many_edits_are_told_briefly() -> None:
    edits = [Edit(f"site/{number}.py", "changed") for number in range(9)]
    assert edited(distribution(), edits).fault.reason.endswith("site/2.py (changed) and 6 more")


@pytest.mark.parametrize(
    ("folder", "hint"),
    [
        ("python_dateutil-4.0.0.dist-info", "--no-deps python-dateutil==4.0.0"),
        ("Old.Thing-1.0-py3.11.egg-info", "--no-deps old-thing==1.0"),
        ("~lpha-1.0.dist-info", "remove /env/~lpha-1.0.dist-info"),
        ("alpha-x y.dist-info", "remove /env/alpha-x y.dist-info"),
        ("alpha.dist-info", "remove /env/alpha.dist-info"),
    ],
)
def test_a_folder_without_metadata_names_what_to_install_again(folder: str, hint: str) -> None:
    broken = (Broken(f"/env/{folder}", "env", "", ("METADATA is missing",)),)
    (fault,) = inventory_faults(inventory(broken=broken))
    assert (fault.hint or "").endswith(hint)
