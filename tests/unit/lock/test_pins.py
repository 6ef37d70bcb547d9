"""uv's words and files, understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.lock.inventories import inventory

from fastenv.lock import toml
from fastenv.lock.pins import (
    Pin,
    SettingsFile,
    _annotations,
    _because,
    _named,
    _settings,
    _unreached,
    uv_environment,
)
from fastenv.lock.platform import glibc_floor, target_of
from fastenv.lock.sources import Network, Source

PINS = [Pin("foo", "1.0"), Pin("foo-bar", "2"), Pin("bar", "1.0+cpu")]

COMPLAINTS = [
    ("Because foo was not found in the package registry and you require foo==1.0, we can conclude", "foo"),
    ("Because there is no version of foo-bar==2 and you require foo-bar==2, we can conclude", "foo-bar"),
    ("Because bar==1.0+cpu has no usable wheels and you require bar==1.0+cpu, we can conclude", "bar"),
    ("Because only x-foo==1 is available and you require foo==1.0, we can conclude", "foo"),
    ("Something else altogether", None),
]


@pytest.mark.parametrize(("words", "name"), COMPLAINTS)
def test_which_pin_a_complaint_names(words: str, name: str | None) -> None:
    complaint = (
        f"error: No solution found when resolving dependencies\n  cause: {words}\n\nhint: foo bar foo-bar\n"
    )
    assert [pin.name for pin in _named(complaint, PINS)] == ([] if name is None else [name])
    assert _because(complaint) == words


def test_annotations() -> None:
    text = "Foo.Bar==1.0 \\\n    --hash=sha256:ab\n    # from https://a.example/simple\nbar==2\n    # from file:///b\n"
    assert dict(_annotations(text)) == {"foo-bar": "https://a.example/simple", "bar": "file:///b"}


def test_settings_of_ours_replace_all_others() -> None:
    sources = [
        Source("https://me:w@a.example", "index", name="inner", options={"authenticate": "always"}),
        Source("https://b.example", "index"),
        Source("file:///links%20here", "find-links"),
    ]
    table = _settings(sources, Network(trusted_hosts=("a.example",), uv={"native-tls": True}, keyring=True))
    assert table == {
        "native-tls": True,
        "allow-insecure-host": ["a.example"],
        "find-links": ["/links here"],
        "no-index": False,
        "keyring-provider": "subprocess",
        "index": [
            {"name": "inner", "url": "https://me:w@a.example", "authenticate": "always"},
            {"url": "https://b.example", "default": True},
        ],
    }
    assert _settings(sources[2:], Network())["no-index"] is True
    with_default = _settings([sources[1], Source("", "index", is_default=True)], Network())
    assert with_default["index"] == [{"url": "https://b.example"}]
    assert with_default["no-index"] is False


def test_settings_file_is_the_users_own_and_goes_away() -> None:
    with SettingsFile([Source("https://me:w@a.example", "index")], Network()) as name:
        path = Path(name)
        assert path.stat().st_mode & 0o777 == 0o600
        assert toml.loads(path.read_text())["index"][0]["url"] == "https://me:w@a.example"
    assert not path.exists()


def test_environment_of_uv() -> None:
    """What chooses is taken away, what leads there stays; pip's proxy and certificates are handed on."""
    given = {
        "UV_INDEX": "x",
        "UV_DEFAULT_INDEX": "x",
        "UV_OVERRIDE": "x",
        "UV_CONSTRAINT": "x",
        "UV_EXCLUDE_NEWER": "x",
        "UV_INDEX_INNER_PASSWORD": "w",
        "UV_CACHE_DIR": "/c",
        "UV_HTTP_TIMEOUT": "9",
        "https_proxy": "http://mine.example",
        "HOME": "/h",
    }
    found = uv_environment(given, Network(proxy="http://p.example", cert="/ca.pem"))
    assert found == {
        "UV_INDEX_INNER_PASSWORD": "w",
        "UV_CACHE_DIR": "/c",
        "UV_HTTP_TIMEOUT": "9",
        "https_proxy": "http://mine.example",
        "HTTP_PROXY": "http://p.example",
        "SSL_CERT_FILE": "/ca.pem",
        "HOME": "/h",
    }


@pytest.mark.parametrize(
    ("names", "floor"),
    [
        (["a-1-py3-none-any.whl"], None),
        (["a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"], (2, 17)),
        (
            ["a-1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "b-1-py3-none-any.whl"],
            (2, 27),
        ),
        (["a-1-cp311-cp311-manylinux_2_5_x86_64.whl", "b-1-cp311-cp311-manylinux_2_34_x86_64.whl"], (2, 34)),
        (["a-1-cp311-cp311-manylinux1_x86_64.whl"], (2, 5)),
        (["a-1-cp311-cp311-manylinux2010_x86_64.whl"], (2, 12)),
        (["a-1-cp311-cp311-linux_x86_64.whl"], None),
    ],
)
def test_glibc_floor(names: list[str], floor: tuple[int, int] | None) -> None:
    assert glibc_floor(names) == floor


def test_target_that_is_not_on_this_machine() -> None:
    target = target_of(inventory())
    assert target.platform == "x86_64-manylinux_2_36"
    assert target.options()[2:] == [
        "--python-version",
        "3.11.7",
        "--python-platform",
        "x86_64-manylinux_2_36",
    ]


@pytest.mark.parametrize(
    ("complaint", "named"),
    [
        ("Failed to fetch: `http://a.example:9/simple/foo/`", "http://a.example:9/simple"),
        ("error sending request for url (http://me:w@b.example/foo/)", "http://b.example"),
        ("Request failed after 3 retries", "http://a.example:9/simple or http://b.example"),
    ],
)
def test_an_index_that_cannot_be_reached_is_named_without_its_login(complaint: str, named: str) -> None:
    sources = [
        Source("http://me:w@a.example:9/simple", "index"),
        Source("http://b.example/", "index"),
        Source("file:///links", "find-links"),
    ]
    assert _unreached(complaint, sources).rstrip("/") == named
    assert _unreached(complaint, []) == "an index"
