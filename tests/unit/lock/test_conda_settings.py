"""What conda keeps beside packages: what of it a lock has, how it is written, and when it is another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.env_id_oracle import env_id
from tests.unit.lock.inventories import conda_package, inventory
from tests.unit.lock.locks import a_conda_lock, a_lock, again

import fastenv
from fastenv.exceptions import LockFormatError
from fastenv.lock import Lock
from fastenv.lock.compose import render
from fastenv.lock.conda_settings import CondaSettings, lockable, settings_warnings
from fastenv.scan.conda_state import MASK
from fastenv.scan.inventory import CondaEnvironment

SETTINGS = CondaSettings(
    (("MODE", 'fast\n"and" good'), ("OMP_NUM_THREADS", "1")), ("zlib 1.3.*", "openssl 3.*"), ""
)
TEXT = """\
[tool.fastenv.variables]
MODE = "fast\\n\\"and\\" good"
OMP_NUM_THREADS = "1"

[tool.fastenv.conda-meta]
pinned = ["zlib 1.3.*", "openssl 3.*"]
frozen = ""

[[tool.fastenv.conda]]
"""


def scanned(**changes: Any) -> CondaEnvironment:
    empty = CondaEnvironment("/env", (conda_package("python"),), True, (), None, (), ())
    return replace(empty, **changes)


def test_they_are_written_as_documented() -> None:
    lock = a_conda_lock(settings=SETTINGS)
    assert TEXT in lock.text
    assert Lock.parse(lock.text) == lock
    assert Lock.parse(lock.text).settings == SETTINGS
    assert render(lock) == lock.text
    assert lock.env_id == env_id(lock.text) != a_conda_lock().env_id


def test_without_any_the_text_is_what_it_was() -> None:
    assert a_conda_lock(settings=CondaSettings()).text == a_conda_lock().text


BAD = [
    ('MODE = "fast', 'PATH = "fast', '\'?"PATH" is a variable that activation itself sets'),
    ('MODE = "fast', '"A=B" = "fast', "is no name of a variable"),
    ('MODE = "fast', 'MODE = "\\u0000', "has a NUL in its value"),
    ("OMP_NUM_THREADS =", "mode =", "differs from another variable in case alone"),
    ('OMP_NUM_THREADS = "1"', "OMP_NUM_THREADS = 1", "variables: OMP_NUM_THREADS is int, not str"),
    ('OMP_NUM_THREADS = "1"', 'OMP_NUM_THREADS = "2"', "the file was edited"),
    ("[tool.fastenv.variables]", "[[tool.fastenv.variables]]", "tool.fastenv.variables is not a table"),
    ('"zlib 1.3.*"', '""', "is no match spec"),
    ('["zlib 1.3.*", "openssl 3.*"]', '"zlib"', "pinned is not a list of strings"),
    ('frozen = ""', "frozen = true", "frozen is bool, not str"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_bad_tables(old: str, new: str, words: str) -> None:
    text = a_conda_lock(settings=SETTINGS).text
    assert old in text
    with pytest.raises(LockFormatError, match=words):
        Lock.parse(text.replace(old, new, 1))


def test_a_lock_of_wheels_alone_has_none() -> None:
    with pytest.raises(LockFormatError, match="there are no conda packages"):
        Lock.parse(again(a_lock().text + '\n[tool.fastenv.variables]\nMODE = "fast"\n'))


UNLOCKABLE = [
    ("API_TOKEN", MASK, "API_TOKEN (conda-meta/state) may be secret and is not in the lock: set it where"),
    ("PATH", "/x", "the variable PATH (conda-meta/state) is not in the lock: activation itself sets it"),
    ("conda_prefix", "/x", "conda_prefix (conda-meta/state) is not in the lock: activation itself sets it"),
    ("", "x", "no name that a shell can set"),
    ("A=B", "x", "no name that a shell can set"),
    ("a.b", "x", "no name that a shell can set"),
    ("LONE", "\udc80", "its value is no text"),
    ("NUL", "a\0b", "its value is no text"),
]


@pytest.mark.parametrize(("name", "value", "words"), UNLOCKABLE)
def test_what_no_node_can_set_is_left_out_and_said(name: str, value: str, words: str) -> None:
    conda = scanned(variables=((name, value), ("KEPT", "x")))
    assert lockable(conda).variables == (("KEPT", "x"),)
    (said,) = settings_warnings(conda)
    assert words in said


def test_secrets_are_said_together() -> None:
    conda = scanned(variables=(("A_TOKEN", MASK), ("B_TOKEN", MASK)))
    (said,) = settings_warnings(conda)
    assert said.startswith(
        "A_TOKEN, B_TOKEN (conda-meta/state) may be secret and are not in the lock: set them"
    )


def test_names_that_are_the_same_in_capitals_are_left_out() -> None:
    conda = scanned(variables=(("MODE", "x"), ("mode", "y")))
    assert lockable(conda) == CondaSettings()
    assert len(list(settings_warnings(conda))) == 2


def test_a_value_that_names_the_prefix_is_said() -> None:
    conda = scanned(variables=(("LIBRARIES", "/env/lib"), ("MODE", "x")))
    assert lockable(conda).variables == conda.variables
    assert list(settings_warnings(conda)) == ["LIBRARIES (conda-meta/state) will name /env on the nodes, too"]


def test_pins_and_mark() -> None:
    conda = scanned(pinned=("zlib\t1", "\x1b"), frozen='{"message": "é"}')
    assert lockable(conda) == CondaSettings(pinned=("zlib\t1",), frozen='{"message": "é"}')
    (said,) = settings_warnings(conda)
    assert said == r"'\x1b' (conda-meta/pinned) is not in the lock: it is no match spec"
    assert lockable(scanned(frozen="\udc80")).frozen is None
    assert lockable(scanned(packages=(), frozen="")) == CondaSettings()
    assert lockable(None) == CondaSettings()


def shown(a: Any, b: Any) -> list[tuple[str, str, str, str | None, str | None]]:
    return [(it.kind, it.name, it.what, it.left, it.right) for it in fastenv.diff(a, b)]


def test_what_has_changed_is_a_difference() -> None:
    one = a_conda_lock(settings=SETTINGS)
    other = a_conda_lock(settings=CondaSettings((("MODE", "slow"),), ("zlib 1.3.*",), "{}"))
    assert shown(one, other) == [
        ("variable", "MODE", "value", 'fast\n"and" good', "slow"),
        ("variable", "OMP_NUM_THREADS", "value", "1", None),
        ("setting", "pinned", "value", "zlib 1.3.*; openssl 3.*", "zlib 1.3.*"),
        ("setting", "frozen", "value", "(empty)", "{}"),
    ]
    assert shown(one, one) == []


def test_an_inventory_beside_its_lock() -> None:
    """What the lock left out is no difference."""
    conda = scanned(
        variables=(*SETTINGS.variables, ("API_TOKEN", MASK), ("PATH", "/x")),
        pinned=SETTINGS.pinned,
        frozen="",
    )
    lock = a_conda_lock(settings=lockable(conda))
    kinds = ("variable", "setting")
    assert [
        row for row in shown(inventory(conda=conda), lock) if row[0] in kinds and row[1] != "link-scripts"
    ] == []
    changed = replace(conda, variables=(("MODE", "slow"), ("OMP_NUM_THREADS", "1")))
    assert [row for row in shown(lock, inventory(conda=changed)) if row[0] == "variable"] == [
        ("variable", "MODE", "value", 'fast\n"and" good', "slow")
    ]
