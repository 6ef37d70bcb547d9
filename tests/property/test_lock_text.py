"""Laws of the lock's text."""

from __future__ import annotations

import random
import string
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.pylock import Pylock
from tests.env_id_oracle import env_id

from fastenv.lock import Lock, toml
from fastenv.lock.compose import compose, render
from fastenv.lock.lockfile import (
    Ignored,
    LockedContested,
    LockedInterpreter,
    LockedPackage,
    LockedPlatform,
)

names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}(rc1|\.post2)?(\+[a-z]{1,4})?", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
# any text that UTF-8 has a form for; TOML must bring it back
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=12)


@st.composite
def packages(draw: st.DrawFn) -> LockedPackage:
    name, version, sha256 = draw(names), draw(versions), draw(digests)
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    travels = draw(st.booleans())
    return LockedPackage(
        name=name,
        version=version,
        filename=filename,
        sha256=sha256,
        url=None if travels else f"https://files.example/{filename.replace('+', '%2B')}",
        path=f"pylock.fastenv.d/{sha256}/{filename}" if travels else None,
        size=draw(st.none() | st.integers(0, 2**40)),
        index=None if travels else draw(st.none() | st.just("https://index.example/simple")),
        origin="local" if travels else "index",
        index_name=draw(st.none() | texts),
        requested=draw(st.booleans()),
        layer=draw(st.none() | st.sampled_from(["env", "base", ".pth"])),
        files_digest=draw(st.none() | digests),
    )


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    found = draw(st.lists(packages(), unique_by=lambda package: package.name, max_size=5))
    contested = []
    if len(found) > 1:
        paths = draw(
            st.lists(
                st.from_regex(r"(site|prefix)/[a-z \"\\é]{1,8}", fullmatch=True), unique=True, max_size=3
            )
        )
        claimants = tuple(sorted(package.name for package in found[:2]))
        contested = [LockedContested(path, draw(st.sampled_from(claimants)), claimants) for path in paths]
    return compose(
        platform=LockedPlatform("linux", draw(words), draw(st.none() | st.just("2.28"))),
        interpreter=LockedInterpreter(
            "cpython",
            draw(st.from_regex(r"3\.(9|1[0-4])\.[0-9]{1,2}(rc1)?", fullmatch=True)),
            draw(words),
            draw(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)),
            draw(st.none() | texts),
        ),
        packages=found,
        contested=contested,
        ignored=[Ignored(draw(texts), draw(texts), draw(texts)) for _ in range(draw(st.integers(0, 2)))],
        created_with=draw(texts),
    )


@given(locks())
@settings(max_examples=150, deadline=None)
def test_round_trip(lock: Lock) -> None:
    """Writing what was read gives the text that was read; and it is a valid PEP 751 file."""
    parsed = Lock.parse(lock.text)
    assert parsed == lock
    assert render(parsed) == lock.text
    Pylock.from_dict(toml.loads(lock.text)).validate()


@given(locks(), st.randoms())
@settings(max_examples=50, deadline=None)
def test_order_of_what_is_given_does_not_matter(lock: Lock, chance: random.Random) -> None:
    parts = {part: list(getattr(lock, part)) for part in ("packages", "contested", "ignored")}
    for rows in parts.values():
        chance.shuffle(rows)
    again = compose(
        platform=lock.platform, interpreter=lock.interpreter, created_with=lock.created_with, **parts
    )
    assert again.text == lock.text


@given(locks())
@settings(max_examples=50, deadline=None)
def test_env_id_knows_nothing_of_addresses(lock: Lock) -> None:
    """The core's env id is the reference's, and stays the same for other URLs, sizes, names of files."""
    assert lock.env_id == env_id(lock.text)
    moved = [
        replace(package, url="https://mirror.example/x.whl", path=None, size=1, index=None, requested=True)
        for package in lock.packages
    ]
    again = compose(
        platform=replace(lock.platform, glibc="2.99"),
        interpreter=replace(lock.interpreter, executable="/elsewhere"),
        packages=moved,
        contested=lock.contested,
        created_with="another",
    )
    assert again.env_id == lock.env_id
