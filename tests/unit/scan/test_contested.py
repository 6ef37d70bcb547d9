"""Paths that two distributions claim, and whose bytes are really there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.scan.environment import Environment

    from fastenv.scan.inventory import Contested


def contested(environment: Environment) -> dict[str, Contested]:
    return {item.path: item for item in environment.scan().contested}


def test_the_last_one_installed_wins(environment: Environment) -> None:
    """Not the order of names, but the bytes on disk decide; equal contents are no contest."""
    shared = {"shared/same.py": "same"}
    environment.install(environment.wheel("b", files={"shared/__init__.py": "b", **shared}))
    environment.install(environment.wheel("a", files={"shared/__init__.py": "a", **shared}))
    (item,) = contested(environment).values()
    assert (item.path, item.winner) == ("site/shared/__init__.py", "a")
    assert [claim.name for claim in item.claims] == ["a", "b"]
    (environment.site / "shared" / "__init__.py").write_text("b")
    assert contested(environment)["site/shared/__init__.py"].winner == "b"


def test_bytes_of_nobody(environment: Environment) -> None:
    """An edited or removed contested file has no winner, and the reason is given."""
    for name in ("a", "b"):
        environment.install(environment.wheel(name, files={"shared.py": name}))
    file = environment.site / "shared.py"
    file.write_text("edited")
    item = contested(environment)["site/shared.py"]
    assert (item.winner, item.reason) == (None, f"{file} has the bytes of none of them")
    file.unlink()
    assert contested(environment)["site/shared.py"].reason == f"{file} cannot be read"


def test_scripts_and_data(environment: Environment) -> None:
    """Generated scripts of one name and data files count; they are outside of site-packages."""
    for name in ("a", "b"):
        wheel = environment.wheel(
            name,
            data={"data/share/x": name},
            entry_points={"console_scripts": {"tool": f"{name}:main"}},
        )
        environment.install(wheel)
    found = contested(environment)
    assert {path: item.winner for path, item in found.items()} == {
        "prefix/bin/tool": "b",
        "prefix/share/x": "b",
    }


def test_layers(environment: Environment, tmp_path: Path) -> None:
    """Between two layers the one that comes first on the search path wins."""
    target = tmp_path / "target"
    environment.install(environment.wheel("a", files={"shared.py": "a"}))
    environment.install_by_pip("--target", target, environment.wheel("b", files={"shared.py": "b"}))
    (item,) = environment.scan({"PYTHONPATH": str(target)}).contested
    assert (item.path, item.winner) == ("site/shared.py", "b")
    assert item.reason == f"{target} comes first on the search path"
