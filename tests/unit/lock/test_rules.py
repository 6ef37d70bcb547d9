"""What rules leave out of an environment: exactly that, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.lock.inventories import conda_package, distribution, inventory

from fastenv.exceptions import LockError
from fastenv.lock.rules import apply_rules
from fastenv.scan.inventory import (
    Broken,
    Claim,
    CondaEnvironment,
    Contested,
    Inventory,
    Origin,
)
from fastenv.settings import Rules


def an_inventory(**changes: Any) -> Inventory:
    """app > web > alpha, and tool, alone."""
    return inventory(
        distribution("app", requires=("web",)),
        distribution("web", requires=("alpha>=1",)),
        distribution("alpha"),
        distribution("tool"),
        **changes,
    )


def a_conda_inventory() -> Inventory:
    packages = (
        conda_package("alpha", "python", "libalpha"),
        conda_package("libalpha"),
        conda_package("python", "zlib"),
        conda_package("zlib"),
    )
    conda = CondaEnvironment("/env", packages, True, (), None, (), ())
    brought = distribution("alpha", origin=Origin("conda", package="alpha-1-0"))
    return inventory(brought, distribution("app", requires=("alpha",)), distribution("tool"), conda=conda)


def names(it: Inventory) -> list[str]:
    conda = () if it.conda is None else it.conda.packages
    return [*(one.name for one in it.distributions), *(f"conda:{one.name}" for one in conda)]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (Rules(only=("nothing",)), "names nothing in only, which is not there"),
        (Rules(only=("ap",), source="fastenv.toml"), r"fastenv.toml names ap in only.*there is app"),
        (Rules(only=("conda:app",)), "conda:app"),
    ],
)
def test_only_of_what_is_not_there(rules: Rules, said: str) -> None:
    with pytest.raises(LockError, match=said):
        apply_rules(rules, an_inventory())


def test_python_itself_stays() -> None:
    with pytest.raises(LockError, match="leaves out python"):
        apply_rules(Rules(ignore=("python",)), a_conda_inventory())


def test_to_ignore_what_is_not_there_is_told() -> None:
    ruled = apply_rules(Rules(ignore=("tols",), source="pyproject.toml"), an_inventory())
    assert ruled.inventory == an_inventory()
    assert ruled.warnings == ("pyproject.toml ignores tols, which is not there (there is tool)",)


def test_exactly_what_is_ignored_goes() -> None:
    ruled = apply_rules(Rules(ignore=("alpha",), source="pyproject.toml"), an_inventory())
    assert names(ruled.inventory) == ["app", "web", "tool"]
    (left,) = ruled.inventory.left_out
    assert (left.name, left.version) == ("alpha", "1.0")
    assert left.reason == "ignored by pyproject.toml, though web needs it"
    assert ruled.warnings == ("alpha is left out: ignored by pyproject.toml, though web needs it",)
    # what goes with it does not need it
    both = apply_rules(Rules(ignore=("alpha", "web", "app")), an_inventory())
    assert (names(both.inventory), both.warnings) == (["tool"], ())


def test_only_keeps_what_is_required() -> None:
    ruled = apply_rules(Rules(only=("web",), source="fastenv.toml"), an_inventory())
    assert names(ruled.inventory) == ["web", "alpha"]
    assert {it.name for it in ruled.inventory.left_out} == {"app", "tool"}
    assert "neither named by only in fastenv.toml nor required" in ruled.inventory.left_out[0].reason
    assert ruled.warnings == ()


def test_conda_packages_go_with_what_they_bring() -> None:
    ruled = apply_rules(Rules(ignore=("alpha",)), a_conda_inventory())
    assert names(ruled.inventory) == ["app", "tool", "conda:libalpha", "conda:python", "conda:zlib"]
    assert [it.name for it in ruled.inventory.left_out] == ["conda:alpha"]
    assert ruled.warnings == ("conda:alpha is left out: ignored by the command line, though app needs it",)
    only = apply_rules(Rules(only=("app",)), a_conda_inventory())
    kept = ["alpha", "app", "conda:alpha", "conda:libalpha", "conda:python", "conda:zlib"]
    assert names(only.inventory) == kept


def test_what_is_broken_can_be_ignored() -> None:
    broken = (Broken("/env/x.dist-info", "env", "damaged", ("no METADATA",)),)
    ruled = apply_rules(Rules(ignore=("damaged",)), an_inventory(broken=broken))
    assert (ruled.inventory.broken, ruled.warnings) == ((), ())


def test_a_contest_with_what_is_left_out() -> None:
    claims = (Claim("app", "a", "env"), Claim("tool", "b", "env"), Claim("web", "c", "env"))
    row = Contested("site/x.py", "tool", claims, "")
    found = an_inventory(contested=(row, replace(row, path="site/y.py", claims=claims[:2])))
    (kept,) = apply_rules(Rules(ignore=("tool",)), found).inventory.contested
    assert (kept.path, kept.winner, [it.name for it in kept.claims]) == ("site/x.py", None, ["app", "web"])
    (other, _) = apply_rules(Rules(ignore=("web",)), found).inventory.contested
    assert (other.winner, len(other.claims)) == ("tool", 2)
