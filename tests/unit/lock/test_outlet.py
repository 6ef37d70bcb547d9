"""What a lock says has no credential in it, whoever put it there."""

from __future__ import annotations

import pickle

import pytest

from fastenv.event import Event
from fastenv.exceptions import Fault, LockFaults, NetworkError
from fastenv.lock.outlet import Outlet
from fastenv.lock.secret_words import holds_token, looks_secret, masked, tokens_of

TOKEN = "tok3nOf4Path5With6Some7Digits"  # noqa: S105


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to hide: 'a@b' at index.example", "nothing to hide: 'a@b' at index.example"),
        ("at https://me:w0rd@index.example/simple", "at https://****@index.example/simple"),
        ("git+ssh://w0rd@git.example/x.git", "git+ssh://****@git.example/x.git"),
        ("`https://files.example/a.whl?sig=w0rd`", "`https://files.example/a.whl?****`"),
        (f"https://index.example/{TOKEN}/simple/", "https://index.example/****/simple/"),
        ("s3cret and s3cret-longer", "**** and ****"),
        ("is it there? yes", "is it there? yes"),
    ],
)
def test_masked(text: str, expected: str) -> None:
    assert masked(text, ["s3cret", "s3cret-longer", TOKEN]) == expected


def test_what_looks_like_a_token() -> None:
    url = f"https://index.example/{TOKEN}/simple/"
    assert list(tokens_of(url)) == [TOKEN]
    assert holds_token(url)
    assert not holds_token("https://index.example/a-team/with-a-very-long-name/simple/")
    assert not looks_secret("artifactory-of-the-whole-company")


def test_errors_and_what_they_came_of() -> None:
    outlet = Outlet(None)
    outlet.secrets = [TOKEN]
    message = f"{TOKEN} can't be reached"
    with pytest.raises(NetworkError, match=r"\*{4}") as raised, outlet.errors():
        raise NetworkError(message, path=TOKEN, hint=f"not {TOKEN}") from ValueError(TOKEN)
    assert TOKEN.encode() not in pickle.dumps(raised.value)
    assert raised.value.hint == "not ****"
    assert raised.value.__cause__ is None
    with pytest.raises(NetworkError) as raised, outlet.errors():
        raise NetworkError("plain") from ValueError("as plain")
    assert str(raised.value.__cause__) == "as plain"


def test_faults_of_packages() -> None:
    outlet = Outlet(None)
    outlet.secrets = [TOKEN]
    faults = [Fault("a", "1.0", f"not in {TOKEN}", f"look into {TOKEN}"), Fault("b", "1.0", "gone")]
    with pytest.raises(LockFaults) as raised, outlet.errors():
        raise LockFaults(faults)
    assert TOKEN not in str(raised.value)
    assert [(it.reason, it.hint) for it in raised.value.faults] == [
        ("not in ****", "look into ****"),
        ("gone", None),
    ]


def test_events() -> None:
    told: list[Event] = []
    outlet = Outlet(told.append)
    outlet.secrets = [TOKEN]
    outlet.tell(Event("warning", package="a", message=f"see https://me@x.example/{TOKEN}"))
    outlet.tell(Event("progress", stage="ask", done=1, total=2))
    assert [(it.package, it.message, it.total) for it in told] == [
        ("a", "see https://****@x.example/****", 0),
        ("", "", 2),
    ]
    Outlet(None).tell(Event("warning", message="to nobody"))
