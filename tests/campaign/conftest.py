"""The long fault tests: small with the other tests, at full size with ``--campaign-size full``."""

from __future__ import annotations

import fcntl
import random
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.lab.aftermath")

from tests.lab.aftermath import Aftermath  # noqa: E402
from tests.lab.lab import Lab  # noqa: E402
from tests.lab.sets import cache, pinned  # noqa: E402


@pytest.fixture(scope="session")
def real_wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small wheels of the world outside, fetched once."""
    pins = Path(__file__).with_name("wheels.txt")
    # Several test processes fill one cache.
    with (cache("campaign") / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return pinned(pins, "campaign")


@pytest.fixture
def wheels(lab: Lab, real_wheels: list[Path], full: bool) -> list[Path]:
    """The real ones and one of many small files; at full size one that is fetched in pieces, too."""
    made = [lab.index.folder / wheel.name for wheel in real_wheels]
    for ours, theirs in zip(made, real_wheels, strict=True):
        ours.write_bytes(theirs.read_bytes())
    many = {f"many/n{n}/m{m}.py": f"x = {n * m}\n" for n in range(12) for m in range(12)}
    made.append(lab.wheel("many", files=many, entry_points={"console_scripts": {"many": "many:main"}}))
    if full:
        made.append(big_wheel(lab))
    return made


def big_wheel(lab: Lab, *, megabytes: int = 34) -> Path:
    """A wheel that is too large for memory: it arrives in a ``.part`` file."""
    noise = random.Random(3).randbytes(1 << 20)
    files = {f"big/{n}.bin": n.to_bytes(2, "big") + noise for n in range(megabytes)}
    return lab.wheel("big", files=files, stored=True)


@pytest.fixture
def aftermath(lab: Lab, wheels: list[Path]) -> Aftermath:
    """The lock of these wheels, and what it must give."""
    return Aftermath.of(lab, *wheels)
