"""Requirements of what no index has, read."""

from __future__ import annotations

import pytest

from fastenv.local_requirement import local_requirement


@pytest.mark.parametrize(
    ("text", "kind", "place", "name", "revision"),
    [
        ("git+https://host.example/x@v1", "git", "https://host.example/x", "", "v1"),
        ("git+https://host.example/@us/x@v1#egg=x", "git", "https://host.example/@us/x", "x", "v1"),
        ("git+ssh://git@host.example/x.git", "git", "ssh://git@host.example/x.git", "", ""),
        ("x[a] @ file:///a%20b/", "path", "/a b", "x", ""),
        ("./x[a]", "path", "./x", "", ""),
    ],
)
def test_a_place(text: str, kind: str, place: str, name: str, revision: str) -> None:
    found = local_requirement(text)
    assert found is not None
    assert (found.kind, found.place, found.name, found.revision) == (kind, place, name, revision)


@pytest.mark.parametrize("text", ["x", "x>=1; python_version < '3'", "x @ https://host.example/x.whl"])
def test_what_an_index_may_have(text: str) -> None:
    assert local_requirement(text) is None
