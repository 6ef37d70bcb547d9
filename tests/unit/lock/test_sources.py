"""uv's settings, and the sources that uv's and pip's settings give together."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastenv.exceptions import LockError
from fastenv.lock.sources import Sources, gather_sources, redact
from fastenv.lock.uv_settings import read_uv_settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path


def gather(home: Path, **variables: str) -> Sources:
    environ = {"HOME": str(home), "XDG_CONFIG_DIRS": str(home / "etc"), **variables}
    return gather_sources(prefix=None, environ=environ, cwd=home / "work")


def shown(sources: Sources) -> list[str]:
    return [source.url or "(default)" for source in (*sources.remote, *sources.local)]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


VARIABLES = [
    ({}, ["(default)"]),
    ({"UV_DEFAULT_INDEX": "https://d.example"}, ["https://d.example"]),
    ({"UV_INDEX_URL": "https://d.example"}, ["https://d.example"]),
    (
        {"UV_INDEX": "in=https://i.example https://j.example"},
        ["https://i.example", "https://j.example", "(default)"],
    ),
    ({"UV_EXTRA_INDEX_URL": "https://e.example"}, ["https://e.example", "(default)"]),
    ({"PIP_INDEX_URL": "https://p.example"}, ["https://p.example"]),
    ({"PIP_EXTRA_INDEX_URL": "https://p.example"}, ["https://p.example", "(default)"]),
    ({"PIP_NO_INDEX": "1"}, []),
    (
        {"PIP_INDEX_URL": "https://p.example", "UV_DEFAULT_INDEX": "https://d.example"},
        ["https://d.example", "https://p.example"],
    ),
    ({"PIP_INDEX_URL": "https://d.example/", "UV_DEFAULT_INDEX": "https://d.example"}, ["https://d.example"]),
    (
        {"UV_INDEX": "file:///some/index https://i.example"},
        ["https://i.example", "(default)", "file:///some/index"],
    ),
]


@pytest.mark.parametrize(("variables", "wanted"), VARIABLES)
def test_variables(home: Path, variables: dict[str, str], wanted: list[str]) -> None:
    """The union of both tools' indexes; http(s) ones first; a default of our own only where neither has one."""
    assert shown(gather(home, **variables)) == wanted


def test_names_and_find_links(home: Path) -> None:
    (home / "work" / "wheels").mkdir()
    found = gather(
        home, UV_INDEX="in=https://i.example", UV_FIND_LINKS="wheels,/absent", PIP_FIND_LINKS="./wheels"
    )
    assert found.remote[0].name == "in"
    assert [source.folder for source in found.local] == [home / "work" / "wheels"]
    assert found.absent == ("file:///absent",)


def test_uv_toml(home: Path) -> None:
    """Tables and the older keys, relative paths, [pip]; the project's before the user's; explicit ones too."""
    write(
        home / "work" / "pyproject.toml",
        """
[tool.uv]
index-url = "https://default.example"
find-links = ["links"]
override-dependencies = ["numpy==1"]
[[tool.uv.index]]
name = "torch"
url = "https://torch.example"
explicit = true
authenticate = "always"
[tool.uv.pip]
extra-index-url = ["https://extra.example"]
""",
    )
    (home / "work" / "links").mkdir()
    write(home / ".config" / "uv" / "uv.toml", 'native-tls = true\n[[index]]\nurl = "https://user.example"\n')
    found = gather(home)
    assert shown(found)[:4] == [
        "https://torch.example",
        "https://extra.example",
        "https://user.example",
        "https://default.example",
    ]
    assert found.local[0].folder == home / "work" / "links"
    assert found.remote[0].options == {"authenticate": "always"}
    assert found.network.uv == {"native-tls": True}


def test_nearest_project_file_counts(home: Path) -> None:
    write(home / "uv.toml", 'index-url = "https://far.example"')
    write(home / "work" / "pyproject.toml", '[project]\nname = "x"')
    assert shown(gather(home)) == ["https://far.example"]
    write(home / "work" / "uv.toml", 'index-url = "https://near.example"')
    assert shown(gather(home)) == ["https://near.example"]
    write(home / "named.toml", 'index-url = "https://named.example"')
    assert shown(gather(home, UV_CONFIG_FILE=str(home / "named.toml"))) == ["https://named.example"]
    assert shown(gather(home, UV_NO_CONFIG="1")) == ["(default)"]


def test_uv_toml_that_is_none(home: Path) -> None:
    write(home / "work" / "uv.toml", "index-url =")
    with pytest.raises(LockError, match=r"uv\.toml is not TOML"):
        read_uv_settings(environ={"HOME": str(home)}, cwd=home / "work")


def test_flat_index_is_a_find_links_page(home: Path) -> None:
    write(home / "work" / "uv.toml", '[[index]]\nurl = "https://flat.example"\nformat = "flat"\n')
    found = gather(home)
    assert [source.kind for source in found.local] == ["find-links"]
    assert shown(found) == ["(default)", "https://flat.example"]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://me:word@a.example:8080/s/?token=x#y", "https://a.example:8080/s/"),
        ("https://token@a.example", "https://a.example"),
        ("file:///a%20b", "file:///a%20b"),
    ],
)
def test_redact(url: str, wanted: str) -> None:
    assert redact(url) == wanted


def test_sources_show_no_secret(home: Path) -> None:
    found = gather(
        home, UV_INDEX="https://me:s3cret@i.example/?t=s3cret", PIP_PROXY="http://me:s3cret@p.example"
    )
    assert "s3cret" not in repr(found)
