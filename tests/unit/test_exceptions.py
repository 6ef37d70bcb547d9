"""The hierarchy of errors: exit statuses, attributes, and that they survive a process border."""

from __future__ import annotations

import inspect
import pickle

import pytest

from fastenv import exceptions
from fastenv.exceptions import (
    ArtifactError,
    FastenvError,
    Fault,
    FileSystemError,
    LockError,
    LockFaults,
    LockFormatError,
    NetworkError,
    NodeUnfitError,
    ScanError,
)

EXIT_CODES = {
    FastenvError: 1,
    ScanError: 3,
    LockError: 3,
    LockFaults: 3,
    LockFormatError: 3,
    ArtifactError: 4,
    NodeUnfitError: 5,
    FileSystemError: 6,
    NetworkError: 7,
}


@pytest.mark.parametrize(("kind", "status"), EXIT_CODES.items())
def test_each_kind_has_its_exit_status(kind: type[FastenvError], status: int) -> None:
    assert kind.exit_code == status


def test_the_table_is_whole() -> None:
    kinds = [
        found
        for found in vars(exceptions).values()
        if inspect.isclass(found) and issubclass(found, FastenvError)
    ]
    assert set(kinds) == set(EXIT_CODES)


def test_attributes() -> None:
    error = ArtifactError("sha256 differs", path="/a/b.whl", package="b", hint="lock again")
    assert (str(error), error.path, error.package, error.hint) == (
        "sha256 differs",
        "/a/b.whl",
        "b",
        "lock again",
    )


def test_attributes_are_none_by_default() -> None:
    error = NetworkError("no route")
    assert (error.path, error.package, error.hint) == (None, None, None)


FAULTS = [Fault("foo", "1.0", "is editable", "install a wheel of it"), Fault("bar", "2", "was edited")]


def test_faults_are_all_in_the_message() -> None:
    lines = str(LockFaults(FAULTS)).splitlines()
    assert lines == [
        "2 packages cannot be locked",
        "  foo 1.0: is editable",
        "    install a wheel of it",
        "  bar 2: was edited",
    ]


def test_one_fault_is_one_package() -> None:
    assert str(LockFaults(FAULTS[1:])).startswith("1 package cannot")


@pytest.mark.parametrize(
    "error",
    [
        FastenvError("x", path="p", package="q", hint="h"),
        LockFaults(FAULTS, hint="see the manual"),
        NodeUnfitError("y"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_pickled_and_back(error: FastenvError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 # made on the same line
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
