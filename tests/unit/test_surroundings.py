"""Which variables children are given: the same as those of the core's (rust/surroundings.rs)."""

from __future__ import annotations

import pytest

from fastenv.surroundings import without_credentials, without_index_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UV_INDEX", "main=https://index.example/t0k3n/simple"),
        ("UV_INDEX_MAIN_PASSWORD", "x"),
        ("UV_PUBLISH_TOKEN", "x"),
        ("PIP_EXTRA_INDEX_URL", "https://index.example"),
        ("FASTENV_INDEX_MAIN_URL", "https://index.example"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("https_proxy", "http://proxy.example"),
        ("ANY", "see https://me@index.example/simple"),
    ],
)
def test_a_credential_stays_behind(name: str, value: str) -> None:
    assert without_credentials({name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin"),
        ("PYTHONPATH", "/a@b:/c"),
        ("LD_LIBRARY_PATH", "/opt/lib"),
        ("UV_CACHE_DIR", "/cache"),
        ("PIP_CONFIG_FILE", "/etc/pip.conf"),
        ("HOMEPAGE", "https://index.example/@me"),
    ],
)
def test_all_else_is_passed_on(name: str, value: str) -> None:
    assert without_credentials({name: value}) == {name: value}


def test_a_keyring_may_need_credentials_of_its_own() -> None:
    environ = {"UV_INDEX_MAIN_PASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    assert without_index_settings(environ) == {"AWS_SECRET_ACCESS_KEY": "y"}
