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
from fastenv.lock.conda_settings import CondaSettings
from fastenv.lock.locked_conda import LockedConda, LockedVirtual, conda_name
from fastenv.lock.lockfile import (
    Ignored,
    LockedContested,
    LockedInterpreter,
    LockedPackage,
    LockedPlatform,
)
from fastenv.lock.named_index import NamedIndex

names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}(rc1|\.post2)?(\+[a-z]{1,4})?", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
# any text that UTF-8 has a form for; TOML must bring it back
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
index_paths = st.sampled_from(["../files/a.whl", "main/linux-64/%20.conda", "https://files.example/a.whl"])
words = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=12)


@st.composite
def packages(draw: st.DrawFn) -> LockedPackage:
    name, version, sha256 = draw(names), draw(versions), draw(digests)
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    travels = draw(st.booleans())
    is_named = travels and draw(st.booleans())
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
        index_name="inner" if is_named else draw(st.none() | texts),
        index_path=draw(index_paths) if is_named else None,
        requested=draw(st.booleans()),
        layer=draw(st.none() | st.sampled_from(["env", "base", ".pth"])),
        files_digest=draw(st.none() | digests),
    )


@st.composite
def conda_packages(draw: st.DrawFn, kept: st.SearchStrategy[str]) -> LockedConda:
    name, version, sha256 = draw(kept), draw(versions), draw(digests)
    filename = f"{name}-{version}-0{draw(st.sampled_from(['.conda', '.tar.bz2']))}"
    travels = draw(st.booleans())
    is_named = travels and draw(st.booleans())
    return LockedConda(
        name=name,
        version=version,
        build="0",
        build_number=draw(st.integers(0, 1000)),
        subdir=draw(st.sampled_from(["linux-64", "noarch"])),
        filename=filename,
        sha256=sha256,
        url=None if travels else f"https://channel.example/main/linux-64/{filename}",
        path=f"pylock.fastenv.d/{sha256}/{filename}" if travels else None,
        index_name="inner" if is_named else None,
        index_path=draw(index_paths) if is_named else None,
        channel=None if travels else "https://channel.example/main",
        md5=draw(st.none() | st.just("0" * 32)),
        size=draw(st.none() | st.integers(0, 2**40)),
        noarch=draw(st.sampled_from([None, "python", "generic"])),
        requested=tuple(draw(st.lists(words, max_size=2))),
        link_scripts=draw(st.booleans()),
    )


conda_names = st.from_regex(r"_?[a-z][a-z0-9.]{0,5}", fullmatch=True).filter(lambda name: name != "python")


values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
settings_of_conda = st.builds(
    CondaSettings,
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,6}", fullmatch=True).filter(lambda name: name != "PATH"), values
    ).map(lambda found: tuple(sorted(found.items()))),
    st.lists(words, max_size=2).map(tuple),
    st.none() | texts,
)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    found = draw(st.lists(packages(), unique_by=lambda package: package.name, max_size=5))
    conda = draw(st.lists(conda_packages(conda_names), unique_by=lambda package: package.name, max_size=3))
    has_python = bool(found) or not conda or draw(st.booleans())
    if has_python and draw(st.booleans()):
        conda.append(draw(conda_packages(st.just("python"))))
    interpreter = LockedInterpreter(
        "cpython",
        draw(st.from_regex(r"3\.(9|1[0-4])\.[0-9]{1,2}(rc1)?", fullmatch=True)),
        draw(words),
        draw(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)),
        draw(st.none() | texts),
        source="conda" if any(package.name == "python" for package in conda) else "node",
        site_packages=draw(st.none() | st.just("lib/python3.13t/site-packages")),
    )
    names_of_all = [package.name for package in found] + [conda_name(package.name) for package in conda]
    contested = []
    if len(names_of_all) > 1:
        paths = draw(
            st.lists(
                st.from_regex(r"(site|prefix)/[a-z \"\\é]{1,8}", fullmatch=True), unique=True, max_size=3
            )
        )
        claimants = tuple(sorted(draw(st.permutations(names_of_all))[:2]))
        contested = [LockedContested(path, draw(st.sampled_from(claimants)), claimants) for path in paths]
    return compose(
        platform=LockedPlatform("linux", draw(words), draw(st.none() | st.just("2.28"))),
        interpreter=interpreter if has_python else None,
        packages=found,
        conda=conda,
        virtual=[
            LockedVirtual(f"__{draw(words)}", (package.name,), draw(st.booleans())) for package in conda[:1]
        ],
        link_scripts=draw(st.booleans()),
        settings=draw(settings_of_conda) if conda else None,
        contested=contested,
        indexes=[NamedIndex("inner", draw(st.none() | st.just("https://i.example/"))), NamedIndex("another")],
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
    parts = {
        part: list(getattr(lock, part)) for part in ("packages", "conda", "contested", "ignored", "indexes")
    }
    for rows in parts.values():
        chance.shuffle(rows)
    again = compose(
        platform=lock.platform,
        interpreter=lock.interpreter,
        created_with=lock.created_with,
        virtual=lock.virtual,
        link_scripts=lock.link_scripts,
        settings=lock.settings,
        **parts,
    )
    assert again.text == lock.text


@given(locks())
@settings(max_examples=50, deadline=None)
def test_env_id_knows_nothing_of_addresses(lock: Lock) -> None:
    """The core's env id is the reference's, and stays the same for other URLs, sizes, names of files."""
    assert lock.env_id == env_id(lock.text)
    moved = [
        replace(
            package, url="https://mirror.example/x.whl", path=None, size=1, index_path=None, requested=True
        )
        for package in lock.packages
    ]
    moved_conda = [
        replace(package, url="https://mirror.example/x.conda", path=None, index_path=None, size=1)
        for package in lock.conda
    ]
    again = compose(
        platform=replace(lock.platform, glibc="2.99"),
        interpreter=lock.interpreter and replace(lock.interpreter, executable="/elsewhere"),
        packages=moved,
        conda=moved_conda,
        link_scripts=lock.link_scripts,
        settings=lock.settings,
        contested=lock.contested,
        created_with="another",
    )
    assert again.env_id == lock.env_id
