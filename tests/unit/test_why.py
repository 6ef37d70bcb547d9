"""Why something is there: who wants it, by which way, and what a lock does with it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.unit.lock.inventories import distribution, inventory
from tests.unit.lock.locks import a_lock

import fastenv
from fastenv.exceptions import ScanError
from fastenv.lock.lockfile import Ignored
from fastenv.lock.overlays import LockedOverlay
from fastenv.scan.inventory import Inventory, LeftOut, Origin, SearchPath, Stray


def an_inventory() -> Inventory:
    """app (asked for) > web > alpha; old > alpha, for Windows only; tests of app want beta."""
    return inventory(
        distribution("app", requires=("web>=2", 'beta; extra == "test"'), extras=("test",)),
        distribution("web", "2.1", requested=False, requires=("Alpha[fast]~=1.0 ; python_version >= '3'",)),
        distribution(
            "old", requested=False, requires=('alpha; sys_platform == "win32"', "not (a requirement")
        ),
        distribution("alpha", "1.0", requested=False),
        distribution("beta", "2.0", requested=False, origin=Origin("editable", url="file:///src/beta")),
        distribution("loop", requested=False, requires=("ring",)),
        distribution("ring", requested=False, requires=("loop", "ring[x]")),
        strays=(Stray("/env/site/tool.py", "env", "module", "no distribution's RECORD names it"),),
        left_out=(LeftOut("fastenv", "0.1.0", "env", "fastenv itself"),),
    )


@pytest.mark.parametrize("name", ["aplha", "", "conda:alpha", "../alpha", "win32"])
def test_nothing_of_that_name(name: str) -> None:
    with pytest.raises(ScanError, match="there is no") as caught:
        fastenv.why(name, an_inventory())
    assert caught.value.hint


def test_a_name_that_is_nearly_right() -> None:
    with pytest.raises(ScanError) as caught:
        fastenv.why("aplha", an_inventory())
    assert caught.value.hint == "there is alpha"


def test_who_wants_it_and_by_which_way() -> None:
    (found,) = fastenv.why("ALPHA", an_inventory())
    assert (found.name, found.version, found.requested, found.lock) == ("alpha", "1.0", False, None)
    assert [by.name for by in found.wanted_by] == ["web"]
    assert found.chain == ("app", "web", "alpha")
    (beta,) = fastenv.why("beta", an_inventory())
    assert [by.requirement for by in beta.wanted_by] == ['beta; extra == "test"']
    assert beta.origin == "an editable installation of file:///src/beta, installed by pip"


def test_what_was_asked_for_and_what_nobody_wants() -> None:
    (app,) = fastenv.why("app", an_inventory())
    assert (app.requested, app.wanted_by, app.chain) == (True, (), ("app",))
    (old,) = fastenv.why("old", an_inventory())
    assert (old.requested, old.wanted_by, old.chain) == (False, (), ("old",))


def test_a_ring_that_nobody_asked_for_has_no_end() -> None:
    (found,) = fastenv.why("ring", an_inventory())
    assert [by.name for by in found.wanted_by] == ["loop"]
    assert found.chain == ()


def test_what_the_lock_does_with_it() -> None:
    lock = a_lock(ignored=[Ignored("app", "1.0", "ignored by the rules")])
    fates = {
        name: fastenv.why(name, an_inventory(), lock=lock)[0] for name in ("alpha", "beta", "app", "web")
    }
    assert {name: it.lock for name, it in fates.items()} == {
        "alpha": "fetched",
        "beta": "carried",
        "app": "left out",
        "web": "missing",
    }
    assert fates["alpha"].reason.startswith("https://files.example/")
    assert "travels with the lock from inner" in fates["beta"].reason
    assert fates["app"].reason == "ignored by the rules"


def test_what_is_no_part_of_a_copy() -> None:
    (left,) = fastenv.why("fastenv", an_inventory(), lock=a_lock())
    assert (left.kind, left.lock, left.reason) == ("left-out", "left out", "fastenv itself")
    for name in ("tool", "tool.py"):
        (stray,) = fastenv.why(name, an_inventory(), lock=a_lock())
        assert (stray.kind, stray.place, stray.lock) == ("module", "/env/site/tool.py", "missing")


def test_loose_code_in_a_folder_that_lies_in_another_of_the_search_path(tmp_path: Path) -> None:
    """The archive of either may have it; and what cannot be looked into is named."""
    outer, inner = (
        SearchPath(str(it), "PYTHONPATH", str(it), site=False) for it in (tmp_path, tmp_path / "lib")
    )
    stray = Stray(f"{inner.path}/tool.py", "PYTHONPATH", "module", "in a directory named by PYTHONPATH")
    here = inventory(search_path=(outer, inner), strays=(stray,))
    overlay = LockedOverlay("lib", "pylock.fastenv.d/x/lib.zip", "0" * 64)
    lock = a_lock(overlays=[overlay]).write(tmp_path / "pylock.fastenv.toml")
    assert "without lib.zip, which must lie beside" in fastenv.why("tool", here, lock=lock)[0].reason
    (tmp_path / "pylock.fastenv.d/x").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / overlay.path, "w") as archive:
        archive.writestr("lib/tool.py", "x = 1")
    assert fastenv.why("tool", here, lock=lock)[0].lock == "carried"
    assert fastenv.why("tool", here)[0].reason.endswith("; fastenv lock packs it up")
