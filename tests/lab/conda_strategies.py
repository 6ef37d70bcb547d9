"""Conda packages that nobody thought of: strategies for hypothesis.

All of it is what a package may be; what only an attacker would make is in ``tests/attacks/conda.rs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.lab.conda_package import Content, File, Link, Same, make_package

__all__ = ["Shape", "environments", "names", "pack"]

LONG = "/opt/" + "_placehold" * 25  # 255 bytes, as conda-build has it
SHORT = "/a/b"
BORDERS = (1, 4 << 10, 64 << 10, 128 << 10, 256 << 10)


@dataclass(frozen=True)
class Shape:
    """What ``make_package`` is to make."""

    name: str
    files: Mapping[str, Content]
    noarch: str | None = None
    depends: tuple[str, ...] = ()
    entry_points: tuple[str, ...] = ()
    end: str = ".conda"
    old: bool = False


def pack(channel: Path, shape: Shape) -> Path:
    """The archive of it."""
    return make_package(
        channel,
        shape.name,
        "3.11.0" if shape.name == "python" else "1.0",
        shape.files,
        noarch=shape.noarch,
        depends=shape.depends,
        entry_points=shape.entry_points,
        end=shape.end,
        old=shape.old,
    )


names = st.sampled_from(["env", "with a blank", "y" * 90])
words = st.sampled_from(["a", "b", "ü日", "c d", "A", "e.f", ".g", "it's", "-h", "%20", "n" * 130])
folders = st.sampled_from(
    ["lib", "share/é x", "bin", "etc", "lib/deep/er", "site-packages/m", "python-scripts"]
)
modes = st.sampled_from([0o664, 0o775, 0o600, 0o444, 0o555, 0o700, 0o400, 0o755, 0o4755, 0o664])


@st.composite
def texts(draw: st.DrawFn) -> File:
    """A text with its placeholder near the border of a block, several times, in a first line, or not at all."""
    placeholder = draw(st.sampled_from([LONG, SHORT]))
    first = draw(st.sampled_from(["", "#!/bin/sh\n", f"#!{placeholder}/bin/python3.11 -E\n", "#!python\n"]))
    return File(
        _with(draw, placeholder, first.encode(), b"l"), draw(modes), placeholder, "text", draw(st.booleans())
    )


@st.composite
def binaries(draw: st.DrawFn) -> File:
    """The same with strings that end with NUL."""
    data = _with(draw, LONG, draw(st.sampled_from([b"", b"\x7fELF\0", b"\0"])), b"\1") + b"\0"
    return File(data, draw(modes), LONG, "binary", draw(st.booleans()))


def _with(draw: st.DrawFn, placeholder: str, first: bytes, filling: bytes) -> bytes:
    here = placeholder.encode()
    border = draw(st.sampled_from(BORDERS))
    before = max(0, border - len(first) - draw(st.integers(0, len(here) + 2)))
    tails = [b"", b"/lib", b":" + here + b"/x", here, b"\n", b"\0\0", b"\0" + here + b"/y\0z", here[:-1]]
    pieces = draw(st.lists(st.sampled_from(tails), max_size=3))
    start = [] if draw(st.integers(0, 9)) == 0 else [here]
    return b"".join([first, filling * before, *start, *pieces])


def plain() -> st.SearchStrategy[File]:
    """Bytes without a placeholder, and nothing at all."""
    return st.builds(File, st.one_of(st.just(b""), st.binary(max_size=40)), modes, no_link=st.booleans())


@st.composite
def shapes(draw: st.DrawFn, name: str, depends: tuple[str, ...]) -> Shape:
    """One package. Its paths are of a few, so that others have them, too."""
    noarch = draw(st.sampled_from([None, None, "python", "generic"]))
    paths = st.builds("{}/{}".format, folders, words)
    kinds = st.one_of(texts(), binaries(), plain(), plain())
    files: dict[str, Content] = dict(draw(st.dictionaries(paths, kinds, max_size=6)))
    old = noarch is None and draw(st.integers(0, 5)) == 0
    if noarch == "python":  # python-scripts goes there, too
        files = {path: content for path, content in files.items() if not path.startswith("bin/")}
    for path in [path for path, content in files.items() if isinstance(content, File)]:
        base = path.rsplit("/", 1)[-1]
        if draw(st.integers(0, 4)) == 0:
            files[f"{path}.link"] = Link(draw(st.sampled_from([base, "../absent", f"./{base}"])))
        if draw(st.integers(0, 6)) == 0:
            files[f"{path}.same"] = Same(path)
    points = draw(st.lists(st.sampled_from(["go", "run-it"]), unique=True)) if noarch == "python" else []
    return Shape(
        name,
        files,
        noarch,
        depends,
        tuple(f"{name}-{point} = {name}.cli:main" for point in points),
        draw(st.sampled_from([".conda", ".tar.bz2"])),
        old,
    )


@st.composite
def environments(draw: st.DrawFn) -> list[Shape]:
    """Packages of which later ones may depend on earlier ones."""
    made: list[Shape] = []
    for name in ("alpha", "beta", "gamma")[: draw(st.integers(1, 3))]:
        depends = tuple(shape.name for shape in made if draw(st.booleans()))
        made.append(draw(shapes(name, depends)))
    if any(shape.noarch == "python" for shape in made):
        made.append(Shape("python", {"bin/python3.11": File(b"\x7fELF", 0o755)}))
    return made
