"""pip's settings as pip itself would find them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastenv.exceptions import LockError
from fastenv.lock.pip_settings import PipSettings, pip_config_files, read_pip_settings


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "XDG_CONFIG_DIRS": str(home / "etc"), **more}


CASES = [
    # what is in pip.conf, variables, what must come out
    ("[global]\nindex-url = https://a.example/s", {}, {"index_url": "https://a.example/s"}),
    (
        "[global]\nindex-url = https://a.example\n[install]\nindex-url = https://b.example",
        {},
        {"index_url": "https://b.example"},
    ),
    (
        "[global]\nindex-url = https://a.example\n[download]\nindex-url = https://c.example",
        {},
        {"index_url": "https://c.example"},
    ),
    ("[freeze]\nindex-url = https://a.example", {}, {"index_url": None}),
    (
        "[global]\nextra-index-url =\n    https://a.example\n    # a comment\n    https://b.example",
        {},
        {"extra_index_urls": ("https://a.example", "https://b.example")},
    ),
    ("[global]\nextra_index_url = https://a.example", {}, {"extra_index_urls": ("https://a.example",)}),
    (
        "[global]\nfind-links = /a\n    /b",
        {"PIP_FIND_LINKS": "/c  https://d.example/l"},
        {"find_links": ("/c", "https://d.example/l")},
    ),
    ("[global]\nfind-links = /a", {"PIP_FIND_LINKS": ""}, {"find_links": ("/a",)}),
    (
        "[global]\nindex-url = https://a.example\nextra-index-url = https://b.example\nno-index = true",
        {},
        {"no_index": True, "index_url": None, "extra_index_urls": ()},
    ),
    ("[global]\nno-index = no", {"PIP_NO_INDEX": "1"}, {"no_index": True}),
    (
        "[global]\ntrusted-host =\n  a.example\n  b.example:8080\ncert = /c.pem\nproxy = http://p.example:3128",
        {},
        {
            "trusted_hosts": ("a.example", "b.example:8080"),
            "cert": "/c.pem",
            "proxy": "http://p.example:3128",
        },
    ),
    ("[global]\nindex-url = https://a.example/%40x", {}, {"index_url": "https://a.example/%40x"}),
    ("", {"PIP_INDEX_URL": "https://v.example", "PIP_TIMEOUT": "3"}, {"index_url": "https://v.example"}),
]


@pytest.mark.parametrize(("text", "variables", "wanted"), CASES)
def test_settings(tmp_path: Path, text: str, variables: dict[str, str], wanted: dict[str, object]) -> None:
    write(tmp_path / ".config" / "pip" / "pip.conf", text)
    found = read_pip_settings(prefix=None, environ=environ(tmp_path, **variables))
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_levels_in_pips_order(tmp_path: Path) -> None:
    """Global, legacy user, user, the environment's own, PIP_CONFIG_FILE: the later ones win."""
    levels = [
        tmp_path / "etc" / "pip" / "pip.conf",
        tmp_path / ".pip" / "pip.conf",
        tmp_path / ".config" / "pip" / "pip.conf",
        tmp_path / "env" / "pip.conf",
    ]
    for number, path in enumerate(levels):
        write(path, f"[global]\nindex-url = https://{number}.example\n")
        found = read_pip_settings(prefix=tmp_path / "env", environ=environ(tmp_path))
        assert found.index_url == f"https://{number}.example"
    named = write(tmp_path / "named.conf", "[global]\nindex-url = https://named.example\n")
    variables = environ(tmp_path, PIP_CONFIG_FILE=str(named))
    assert read_pip_settings(prefix=None, environ=variables).index_url == "https://named.example"
    assert levels[2] not in list(pip_config_files(prefix=None, environ=variables))


def test_no_file_is_read_where_pip_is_told_so(tmp_path: Path) -> None:
    write(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://a.example\n")
    found = read_pip_settings(prefix=None, environ=environ(tmp_path, PIP_CONFIG_FILE=os.devnull))
    assert found == PipSettings()


def test_agrees_with_pip(tmp_path: Path) -> None:
    """The same values that `pip config list` tells, level for level."""
    write(tmp_path / "etc" / "pip" / "pip.conf", "[global]\nproxy = http://p.example\n")
    write(tmp_path / ".pip" / "pip.conf", "[install]\nclient-cert = /legacy.pem\n")
    write(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://u.example\n")
    variables = environ(tmp_path, PIP_TRUSTED_HOST="t.example")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env={**variables, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    found = read_pip_settings(prefix=None, environ=variables)
    assert told["global.index-url"] == repr(found.index_url)
    assert told["install.client-cert"] == repr(found.client_cert)
    assert told["global.proxy"] == repr(found.proxy)
    assert told[":env:.trusted-host"] == repr(" ".join(found.trusted_hosts))


def test_a_file_that_is_no_good_is_named_and_not_quoted(tmp_path: Path) -> None:
    path = write(tmp_path / ".config" / "pip" / "pip.conf", "https://me:s3cret@a.example\n")
    with pytest.raises(LockError) as caught:
        read_pip_settings(prefix=None, environ=environ(tmp_path))
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_nothing_secret_in_the_repr() -> None:
    settings = PipSettings(
        index_url="https://me:s3cret@a.example",
        extra_index_urls=("https://x:s3cret@b.example",),
        proxy="s3cret",
    )
    assert "s3cret" not in repr(settings)
