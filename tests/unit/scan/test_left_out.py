"""fastenv itself and what only it needs are no part of the copy; in doubt a distribution stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.scan.environment import Environment


def fill(environment: Environment) -> None:
    """fastenv > helper > deep; shared is also required by the user's, wanted was requested."""
    wheels = {
        "fastenv": [
            "helper",
            "shared",
            "wanted",
            "dask; extra == 'dask'",
            "old; python_version < '3'",
        ],
        "helper": ["deep", "fastenv"],
        "deep": [],
        "shared": [],
        "wanted": [],
        "dask": [],
        "old": [],
        "mine": ["SHARED>=1"],
    }
    made = [environment.wheel(name, requires=needs) for name, needs in wheels.items()]
    environment.install(*made)
    for name in wheels.keys() - {"wanted", "mine", "fastenv"}:
        (environment.site / f"{name}-1.0.dist-info" / "REQUESTED").unlink()


def test_left_out(environment: Environment) -> None:
    """Named, with reasons; the rest is kept."""
    fill(environment)
    inventory = environment.scan()
    assert {item.name: item.reason for item in inventory.left_out} == {
        "fastenv": "fastenv itself",
        "helper": "only fastenv requires it, and nobody requested it",
        "deep": "only fastenv requires it, and nobody requested it",
    }
    assert {it.name for it in inventory.distributions} == {
        "shared",
        "wanted",
        "dask",
        "old",
        "mine",
    }
    assert inventory.strays == ()


def test_include_self(environment: Environment) -> None:
    """Everything stays when asked for."""
    fill(environment)
    inventory = environment.scan(include_self=True)
    assert len(inventory.distributions) == 8
    assert inventory.left_out == ()


def test_what_fastenv_shares_with_others_extras(environment: Environment) -> None:
    """A requirement under an extra of another distribution counts as required."""
    fill(environment)
    environment.install(
        environment.wheel(
            "extras",
            metadata="Metadata-Version: 2.1\nName: extras\nVersion: 1.0\n"
            "Requires-Dist: helper; extra == 'all'\nProvides-Extra: all\n",
        )
    )
    assert {item.name for item in environment.scan().left_out} == {"fastenv"}
