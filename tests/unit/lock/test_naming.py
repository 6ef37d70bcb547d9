"""What of a file's address stands in a lock: never a secret, and enough for a node that has the rest."""

from __future__ import annotations

import pytest

from fastenv.lock.indexes import NAMED_PRIVATE, THIS_MACHINE
from fastenv.lock.named_index import NamedIndex, variable
from fastenv.lock.naming import NamedFile, Naming
from fastenv.lock.pins import Candidate
from fastenv.lock.sources import Source

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105
PASSWORD = "pass-word"  # noqa: S105
LOGIN = "its URL holds a login"
WHEEL = "a-1.0-py3-none-any.whl"
HASH = "f" * 60


def named(
    base: str, url: str, reason: str = LOGIN, name: str | None = "inner"
) -> tuple[Naming, NamedFile | None]:
    naming = Naming({PASSWORD})
    return naming, naming.wheel(Candidate(WHEEL, url, "0" * 64, 1, Source(base, "index", name)), reason)


REFUSED = [
    # the index, and the file
    ("https://i.example/simple", f"https://i.example/{WHEEL}?sig=1"),
    ("https://i.example/simple", f"https://me:word@files.example/{WHEEL}"),
    (f"https://i.example/{TOKEN}/simple", f"https://files.example/{TOKEN}/{WHEEL}"),
    (f"https://i.example/simple/{TOKEN}", f"https://i.example/files/{TOKEN}/{WHEEL}"),
    ("https://i.example/simple", f"https://i.example/{TOKEN}x/{WHEEL}"),
    ("https://i.example/simple", f"https://i.example/x-{PASSWORD}/{WHEEL}"),
    ("https://i.example/simple", f"https://i.example/x-pass%2Dword/{WHEEL}"),
    ("https://i.example/simple", f"file:///wheels/{WHEEL}"),
]


@pytest.mark.parametrize(("base", "url"), REFUSED)
def test_a_secret_is_not_named(base: str, url: str) -> None:
    naming, file = named(base, url)
    assert file is None
    assert naming.indexes == []
    (said,) = naming.refused
    assert WHEEL in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    "source",
    [
        None,
        Source("https://i.example/links", "find-links", "inner"),
        Source("file:///index", "index", "inner"),
        Source("https://i.example", "index", is_direct=True),
    ],
)
def test_what_is_no_index_of_the_web_is_not_named(source: Source | None) -> None:
    naming = Naming(())
    assert naming.wheel(Candidate(WHEEL, f"https://i.example/{WHEEL}", "0" * 64, 1, source), LOGIN) is None
    assert naming.refused == []


def test_this_machine_is_another_one_on_a_node() -> None:
    assert named("http://127.0.0.1/simple", f"http://127.0.0.1/{WHEEL}", THIS_MACHINE)[1] is None
    assert Naming(()).archive("a.conda", "http://127.0.0.1/main/linux-64/a.conda", THIS_MACHINE) is None


PATHS = [
    ("https://i.example/simple/", f"https://i.example/files/{WHEEL}", f"../files/{WHEEL}"),
    ("https://i.example/simple", f"https://i.example/simple/a/{WHEEL}", f"a/{WHEEL}"),
    ("https://i.example/a/b/simple", f"https://i.example/{WHEEL}", f"../../../{WHEEL}"),
    ("https://I.example:443/simple", f"https://i.example/simple/{WHEEL}", WHEEL),
    ("https://me:word@i.example/simple", f"https://me:word@i.example/simple/{WHEEL}", WHEEL),
    (
        f"https://i.example/{TOKEN}/simple",
        f"https://i.example/{TOKEN}/f/{HASH}/{WHEEL}",
        f"../f/{HASH}/{WHEEL}",
    ),
    ("https://i.example/simple", f"https://f.example/{HASH}/{WHEEL}", f"https://f.example/{HASH}/{WHEEL}"),
    ("https://i.example/simple", f"http://i.example/{WHEEL}", f"http://i.example/{WHEEL}"),
    ("https://i.example", f"https://i.example/a:b/{WHEEL}", f"./a:b/{WHEEL}"),
    ("https://i.example", f"https://i.example/a%20b c/{WHEEL}", f"a%20b%20c/{WHEEL}"),
]


@pytest.mark.parametrize(("base", "url", "path"), PATHS)
def test_a_file_is_named_relative_to_its_index(base: str, url: str, path: str) -> None:
    assert named(base, url)[1] == NamedFile("inner", path)


URLS = [
    ("https://me:word@i.example/simple", LOGIN, "https://i.example/simple/"),
    ("https://i.example/simple/", "its host has a private address", "https://i.example/simple/"),
    ("https://i.example/simple/", NAMED_PRIVATE, None),
    (f"https://i.example/{TOKEN}/simple/", LOGIN, None),
    (f"https://i.example/{PASSWORD}/simple/", LOGIN, None),
    ("https://i.example/simple?key=1", "its URL has a query", None),
]


@pytest.mark.parametrize(("base", "reason", "url"), URLS)
def test_the_url_of_an_index_is_told_if_it_is_no_secret(base: str, reason: str, url: str | None) -> None:
    naming, file = named(base, base.partition("?")[0].rstrip("/") + f"/{WHEEL}", reason)
    assert file is not None
    assert naming.indexes == [NamedIndex("inner", url)]


def test_indexes_without_a_name_are_called_by_their_hosts() -> None:
    naming = Naming(())
    bases = ["https://I.example/a", "https://i.example/b", "https://i.example:8443/a", "https://i.example/a"]
    files = [
        naming.wheel(Candidate(WHEEL, f"{base}/{WHEEL}", "0" * 64, 1, Source(base, "index")), LOGIN)
        for base in bases
    ]
    assert [it and it.index for it in files] == ["i.example", "i.example-2", "i.example-8443", "i.example-3"]


def test_names_that_have_the_same_variables_are_told_apart() -> None:
    """A login for one must not go to the other."""
    naming = Naming(())
    for name, host in (("my-index", "i"), ("my_index", "j"), ("MY.index", "i")):
        source = Source(f"https://{host}.example", "index", name)
        naming.wheel(Candidate(WHEEL, f"https://{host}.example/{WHEEL}", "0" * 64, 1, source), LOGIN)
    assert [it.name for it in naming.indexes] == ["my-index", "my_index-2"]


CHANNELS = [
    ("https://c.example/t/to-ken/main/linux-64/a.conda", "main/linux-64/a.conda", None),
    ("https://me:word@c.example/main/linux-64/a.conda", "main/linux-64/a.conda", "https://c.example/"),
    ("https://c.example:8443/a/b/noarch/a.conda", "a/b/noarch/a.conda", "https://c.example:8443/"),
]


@pytest.mark.parametrize(("url", "path", "root"), CHANNELS)
def test_a_channel_is_called_by_its_host(url: str, path: str, root: str | None) -> None:
    """A token is good for all channels of a host, and so is a login."""
    naming = Naming(())
    file = naming.archive("a.conda", url, "its address holds a login or a token")
    (index,) = naming.indexes
    assert file == NamedFile(index.name, path)
    assert (index.name, index.url) == ("c.example-8443" if "8443" in url else "c.example", root)


@pytest.mark.parametrize(
    "url", [f"https://c.example/{TOKEN}x/noarch/a.conda", "https://c.example/m/noarch/a.conda?key=1"]
)
def test_a_channel_with_a_secret_elsewhere_is_not_named(url: str) -> None:
    naming = Naming(())
    assert naming.archive("a.conda", url, "its address holds a login or a token") is None
    assert naming.indexes == []


def test_what_is_private_by_word_alone_may_have_a_secret_anywhere() -> None:
    file = Naming(()).archive("a.conda", "https://c.example/word/main/linux-64/a.conda", NAMED_PRIVATE)
    assert file == NamedFile("c.example", "linux-64/a.conda")
    assert named("https://i.example/word/simple", f"https://i.example/word/f/{WHEEL}", NAMED_PRIVATE)[1]
    assert named("https://i.example/word/simple", f"https://f.example/word/{WHEEL}", NAMED_PRIVATE)[1] is None


def test_names_of_variables() -> None:
    assert variable("our-index.2_é") == "OUR_INDEX_2__"
