"""What counts as a difference between two environments, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lock.inventories import distribution, inventory
from tests.unit.lock.locks import A, B, C, a_conda_lock, a_lock

import fastenv
from fastenv.exceptions import FastenvError, FileSystemError, LockFormatError, ScanError
from fastenv.lock.lockfile import LockedContested, LockedPackage
from fastenv.scan.inventory import Claim, Contested, Interpreter, LeftOut


def shown(a: Any, b: Any) -> list[tuple[str, str, str, str | None, str | None]]:
    return [(it.kind, it.name, it.what, it.left, it.right) for it in fastenv.diff(a, b)]


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, ScanError, "is not there, and is no env id either"),
        ("[]", LockFormatError, "is not a lock file"),
        ("{}", ScanError, "is not an inventory of fastenv"),
        ('{"format": 1}', ScanError, "of format 1"),
        ("lock-version", LockFormatError, "is not a lock file"),
        ("", LockFormatError, "has no"),
    ],
)
def test_what_is_none_of_the_four(
    content: str | None, error: type[FastenvError], said: str, tmp_path: Path
) -> None:
    side = tmp_path / "side"
    if content is not None:
        side.write_text(content)
    with pytest.raises(error, match=said) as caught:
        fastenv.diff(a_lock(), side)
    assert caught.value.hint
    assert str(side) in str(caught.value)


def test_a_folder_without_python_is_no_environment(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="it is not a Python environment"):
        fastenv.diff(tmp_path, a_lock())


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileSystemError, match="neither a file nor a folder"):
        fastenv.diff(a_lock(), tmp_path / "link")


@pytest.mark.parametrize("word", ["0123456789ab", "0" * 64, "0123456789AB"])
def test_an_id_that_the_store_does_not_know(word: str, tmp_path: Path) -> None:
    with pytest.raises(FastenvError, match="no id of one in this store"):
        fastenv.diff(a_lock(), word, root=tmp_path)


def test_the_same_is_the_same() -> None:
    assert fastenv.diff(a_lock(), a_lock()) == ()
    assert fastenv.diff(a_conda_lock(), a_conda_lock()) == ()
    assert fastenv.diff(inventory(distribution()), inventory(distribution())) == ()


def test_two_locks_differ_as_their_ids_do() -> None:
    one = a_lock()
    alpha, beta = one.packages
    assert shown(one, a_lock(packages=[replace(alpha, sha256=C), beta])) == [
        ("wheel", "alpha", "content", f"sha256 {A[:12]}", f"sha256 {C[:12]}")
    ]
    changed = replace(beta, version="2.1", filename="beta-2.1-py3-none-any.whl")
    assert shown(one, a_lock(packages=[alpha, changed])) == [("wheel", "beta", "version", "2.0", "2.1")]
    other = [LockedContested('site/x "y".py', "beta", ("alpha", "beta"))]
    assert shown(one, a_lock(contested=other)) == [("path", 'site/x "y".py', "winner", "alpha", "beta")]
    # nothing of this is in the tree
    moved = replace(alpha, url="https://mirror.example/a.whl", requested=False, layer="user", index=None)
    lock = a_lock(packages=[moved, beta], ignored=[])
    assert lock.env_id == one.env_id
    assert fastenv.diff(one, lock) == ()


def test_what_one_has_alone_is_named_with_what_is_known_of_it() -> None:
    scanned = inventory(left_out=(LeftOut("beta", "2.0", "env", "it was asked to be ignored"),))
    found = fastenv.diff(a_lock(contested=[]), scanned)
    assert [(it.name, it.what, it.left, it.right) for it in found] == [
        ("alpha", "presence", "1.0+local.1", None),
        ("beta", "presence", "2.0", None),
    ]
    assert found[1].note == "it was asked to be ignored"


def test_an_inventory_beside_its_lock() -> None:
    row = LockedPackage("alpha", "1.0", "alpha-1.0-py3-none-any.whl", B, url="https://x.example/a.whl")
    lock = a_lock(packages=[replace(row, files_digest="0" * 64)], contested=[])
    assert shown(inventory(distribution()), lock) == []
    edited = inventory(distribution(files_digest="1" * 64))
    assert shown(lock, edited) == [("wheel", "alpha", "content", "files 000000000000", "files 111111111111")]
    # nobody knows what it holds: the version is all there is
    assert shown(lock, inventory(distribution(files_digest=None))) == []
    claims = (Claim("alpha", A, "env"), Claim("beta", B, "env"))
    contested = inventory(distribution(), contested=(Contested("site/x.py", "alpha", claims, ""),))
    assert shown(lock, contested) == [("path", "site/x.py", "winner", None, "alpha")]


def test_another_interpreter() -> None:
    one = inventory()
    facts = one.interpreter
    assert isinstance(facts, Interpreter)
    other = replace(one, interpreter=replace(facts, version="3.11.8", build="main, Apr; GCC 12.2.0"))
    assert [row[:3] for row in shown(one, other)] == [
        ("interpreter", "version", "value"),
        ("interpreter", "build", "value"),
    ]
    elsewhere = replace(one, interpreter=replace(facts, executable="/opt/python", base_executable="/opt/p"))
    assert shown(one, elsewhere) == []


def test_conda_packages_differ_by_build() -> None:
    one = a_conda_lock()
    python, *others = one.conda
    rebuilt = replace(python, build="1_cp313t", build_number=1)
    other = a_conda_lock(conda=[rebuilt, *others])
    assert shown(one, other) == [("conda", python.name, "build", python.build, "1_cp313t")]
