"""What is in the store is linked while other wheels are still on their way, and the tree is the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lab.index_server import Fault
from tests.lab.lab import Lab
from tests.lab.trees import differences

SHARED = "shared/__init__.py"


def soon(seen: Callable[[], object]) -> bool:
    """Whether it is seen within some seconds."""
    deadline = time.monotonic() + 20
    while not seen():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def held_up(lab: Lab, wheel: Path) -> None:
    """The next answer for this wheel takes its time."""
    lab.index.fault(wheel.name, Fault(delay_s=1.0, methods=("GET",), times=1))


@pytest.mark.parametrize("present", [True, False])
def test_linking_does_not_wait_for_the_last_wheel(lab: Lab, present: bool) -> None:
    first = lab.wheel("first", files={f"first/m{number}.py": f"x = {number}\n" for number in range(40)})
    last = lab.wheel("last")
    if present:
        lab.materialize(lab.lock(first), prefix="other")
    lab.index.fault(last.name, Fault(delay_s=60, methods=("GET",)))
    process = lab.start("materialize", lab.lock(first, last), "--prefix", lab.prefix("env"))
    try:
        staged = ".env.fastenv*/env/lib/*/site-packages/first/m39.py"
        assert soon(lambda: list(lab.envs.glob(staged)))
        assert not lab.prefix("env").exists()
    finally:
        process.kill()
        process.communicate()
    lab.index.heal()
    prefix = lab.materialize(lab.lock(first, last))
    assert differences(prefix, lab.reference(first, last)) == []
    assert lab.residue() == []


@pytest.mark.parametrize("late", ["one", "two"])
@pytest.mark.parametrize("winner", ["one", "two", None])
def test_a_contested_file_is_the_winners_whoever_comes_first(lab: Lab, late: str, winner: str | None) -> None:
    wheels = [lab.wheel(name, files={SHARED: f"x = {name!r}\n"}) for name in ("one", "two")]
    held_up(lab, next(wheel for wheel in wheels if wheel.name.startswith(late)))
    contested = {} if winner is None else {f"site/{SHARED}": (winner, ["one", "two"])}
    prefix = lab.materialize(lab.lock(*wheels, contested=contested))
    (found,) = prefix.glob(f"lib/*/site-packages/{SHARED}")
    assert found.read_text() == f"x = {winner or 'two'!r}\n"
    done = lab.run("verify", prefix, "--full")
    assert done.code == 0, done


@pytest.mark.parametrize("late", ["one", "two"])
def test_a_file_where_another_has_a_folder_is_named_whoever_comes_first(lab: Lab, late: str) -> None:
    wheels = [lab.wheel("one", files={"same": "x\n"}), lab.wheel("two", files={"same/two.py": "x\n"})]
    held_up(lab, next(wheel for wheel in wheels if wheel.name.startswith(late)))
    error = lab.refuse(lab.lock(*wheels), 4)
    assert "site/same is a file of one and a directory of two" in error
