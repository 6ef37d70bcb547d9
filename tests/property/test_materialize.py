"""Laws of making environments, over wheels that nobody thought of."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lab.index_server import IndexServer
from tests.lab.lab import Lab
from tests.lab.records import record_faults
from tests.lab.trees import listing

import fastenv
from fastenv.scan.inventory import Inventory

words = st.text("abcüß日 ,-_", min_size=1, max_size=6).map(str.strip).filter(bool)
paths = st.lists(words, min_size=1, max_size=3).map("/".join)
contents = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([b"#!python\nprint(1)\n", b"#!/bin/sh\n", b"", b"x = 1\n" * 2000]),
)
schemes = st.sampled_from(["purelib", "platlib", "scripts", "headers", "data/share", "data/etc"])


def _compatible(names: list[str]) -> bool:
    """No path is a folder of another."""
    return not any(other.startswith(f"{name}/") for name in names for other in names)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    """The arguments of one wheel."""
    files = draw(st.dictionaries(paths, contents, max_size=5).filter(lambda d: _compatible(list(d))))
    data = draw(st.dictionaries(words, st.tuples(schemes, contents), max_size=4))
    points = draw(st.lists(st.sampled_from(["run", "go-there", "x.y"]), unique=True, max_size=2))
    return {
        "files": {f"own/{path}.py": content for path, content in files.items()},
        "data": {f"{scheme}/d-{name}": content for name, (scheme, content) in data.items()},
        "entry_points": {"console_scripts": dict.fromkeys(points, "own.module:main")},
        "stored": draw(st.booleans()),
        "executable": [f"own/{path}.py" for path in files if draw(st.booleans())],
    }


def apart(number: int, shape: dict[str, Any]) -> dict[str, Any]:
    """The same wheel with no path that another has."""
    points = shape["entry_points"]["console_scripts"]
    return {
        "files": {f"p{number}/{path}": content for path, content in shape["files"].items()},
        "data": {f"{path}{number}": content for path, content in shape["data"].items()},
        "entry_points": {"console_scripts": {f"{name}{number}": v for name, v in points.items()}},
        "stored": shape["stored"],
        "executable": [f"p{number}/{path}" for path in shape["executable"]],
    }


@contextmanager
def a_lab() -> Iterator[Lab]:
    """An example is no test function: it makes its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        (place / "wheels").mkdir()
        with IndexServer(place / "wheels") as index:
            yield Lab(place, index)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(shapes(), min_size=2, max_size=4), st.integers())
def test_the_order_of_a_lock_is_nothing(made: list[dict[str, Any]], seed: int) -> None:
    """Shuffled packages, one store or another, many threads or one: the same id, the same tree.

    The wheels share paths, and the lock does not say whose they are.
    """
    with a_lab() as lab:
        rows = [lab.row(lab.wheel(f"w{number}", **shape)) for number, shape in enumerate(made)]
        one = lab.lock(*rows)
        random.Random(seed).shuffle(rows)
        other = lab.lock(*rows, name="pylock.other.toml", sort=False)
        assert lab.run("env-id", one).out == lab.run("env-id", other).out
        first = lab.run("materialize", one, "--prefix", lab.prefix("one"), "--jobs", "1")
        second = lab.run("materialize", other, "--prefix", lab.prefix("other"), "--jobs", "4")
        third = lab.run("materialize", other, "--root", lab.folder / "new", "--prefix", lab.prefix("new"))
        assert {first.code, second.code, third.code} in ({0}, {4})
        if first.code == 0:
            trees = [listing(lab.prefix(name)) for name in ("one", "other", "new")]
            assert trees[0] == trees[1] == trees[2]
            assert [record_faults(lab.prefix(name)) for name in ("one", "other", "new")] == [[], [], []]


def told(inventory: Inventory) -> list[tuple[object, ...]]:
    """What a lock says of what was scanned."""
    return sorted((it.name, it.version, it.requested, it.files_digest) for it in inventory.distributions)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.lists(shapes(), min_size=1, max_size=3), st.data())
def test_scanning_gives_what_was_locked(made: list[dict[str, Any]], data: st.DataObject) -> None:
    """What uv installed, and what fastenv makes of the same wheels, scan alike; the digests of the scan are those
    of the wheels, or the second environment would be refused."""
    with a_lab() as lab:
        wheels = [lab.wheel(f"w{n}", f"{n}.5", **apart(n, shape)) for n, shape in enumerate(made)]
        requested = [data.draw(st.booleans()) for _ in wheels]
        scanned = fastenv.scan(prefix=lab.reference(*wheels))
        digests = {it.name: it.files_digest for it in scanned.distributions}
        rows = [
            lab.row(wheel, requested=asked, files_digest=digests[f"w{number}"])
            for number, (wheel, asked) in enumerate(zip(wheels, requested, strict=True))
        ]
        prefix = lab.materialize(lab.lock(*rows))
        expected = [(f"w{n}", f"{n}.5", asked, digests[f"w{n}"]) for n, asked in enumerate(requested)]
        assert told(fastenv.scan(prefix=prefix)) == expected
        assert {it.installer for it in fastenv.scan(prefix=prefix).distributions} == {"fastenv"}
