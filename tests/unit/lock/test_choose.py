"""Which wheel is the installed one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from tests.unit.lock.inventories import distribution

from fastenv.lock.artifacts import Known
from fastenv.lock.choose import choose, expanded_tags
from fastenv.lock.pins import Candidate
from fastenv.lock.sources import Source

SOURCE = Source("https://index.example/simple", "index")
MINE, OTHER = "1" * 64, "2" * 64
MANY = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64")

CASES = [
    # tags installed, build, wheels on offer: file name's end and its digest; the one to choose, or a reason
    (("py3-none-any",), "", {"py3-none-any": MINE}, "py3-none-any"),
    (
        ("py2-none-any", "py3-none-any"),
        "",
        {"py3-none-any": MINE, "py2.py3-none-any": MINE},
        "py2.py3-none-any",
    ),
    (
        MANY,
        "",
        {"py3-none-any": OTHER, "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64": MINE},
        "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64",
    ),
    (
        ("py3-none-any",),
        "",
        {"py3-none-any": None},
        "py3-none-any",
    ),  # the server has no ranges: the node checks
    (("py3-none-any",), "", {"py3-none-any": OTHER}, "not those of alpha-1.0-py3-none-any.whl"),
    (
        ("py3-none-any",),
        "",
        {"py2.py3-none-any": OTHER},
        "is not among those of https://index.example/simple",
    ),
    (("py3-none-any",), "", {"py2.py3-none-any": MINE}, "py2.py3-none-any"),  # renamed after it was built
    (("py3-none-any",), "", {"py2.py3-none-any": None}, "is not among those of"),
    (("py3-none-any",), "2", {"1-py3-none-any": MINE, "2-py3-none-any": MINE}, "2-py3-none-any"),
    (("py3-none-any",), "", {"1-py3-none-any": OTHER, "py3-none-any": MINE}, "py3-none-any"),
    (("py3-none-any",), "", {"1-py3-none-any": None, "py3-none-any": None}, "not those of"),
    ((), "", {"py3-none-any": MINE}, "py3-none-any"),
]


@pytest.mark.parametrize(("tags", "build", "offered", "wanted"), CASES)
def test_choice(tags: tuple[str, ...], build: str, offered: dict[str, str | None], wanted: str) -> None:
    it = distribution(tags=tags, build=build, files_digest=MINE)
    wheels = [Candidate(f"alpha-1.0-{end}.whl", "https://x.example/", end, None, SOURCE) for end in offered]

    def look(asked: Iterable[Candidate]) -> Mapping[str, Known]:
        return {wheel.sha256: Known(7, offered[wheel.sha256]) for wheel in asked}

    choice = choose({"alpha": (it, wheels)}, look)["alpha"]
    if choice.wheel is not None:
        assert (choice.wheel.filename, choice.size) == (f"alpha-1.0-{wanted}.whl", 7)
    else:
        assert wanted in choice.reason


def test_damaged_wheel_is_told() -> None:
    wheel = Candidate("alpha-1.0-py3-none-any.whl", "https://x.example/", "a", None, SOURCE)
    choice = choose(
        {"alpha": (distribution(), [wheel])}, lambda _: {"a": Known(7, damage="it is not a sound wheel")}
    )
    assert "can't be used: it is not a sound wheel" in choice["alpha"].reason


def test_tags_are_written_out() -> None:
    assert expanded_tags(["py2.py3-none-any"]) == expanded_tags(["py2-none-any", "py3-none-any"])
