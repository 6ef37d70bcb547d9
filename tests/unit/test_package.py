"""The package's face: what it exports, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fastenv
from fastenv.exceptions import NodeUnfitError

VERBS = ("check_lock", "diff", "env_id", "lock", "materialize", "node_program", "scan", "verify", "why")


@pytest.mark.parametrize("name", fastenv.__all__)
def test_every_export_is_there(name: str) -> None:
    found = getattr(fastenv, name)
    assert callable(found)
    assert found.__doc__


def test_exports_are_sorted_and_nothing_else_is_public() -> None:
    assert fastenv.__all__ == sorted(fastenv.__all__)
    assert set(fastenv.__all__) <= set(dir(fastenv))


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'install'"):
        _ = fastenv.install


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_verb_whatever_was_imported_before(verb: str) -> None:
    module = "lock.check" if verb == "check_lock" else verb
    code = f"import fastenv.{module}; import fastenv; assert callable(fastenv.{verb}), fastenv.{verb}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import fastenv; print(*(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(Path(fastenv.__file__).parent.parent)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(done.stdout.split()) <= {
        "fastenv",
        "types",
        "importlib",
        "importlib._bootstrap",
        "warnings",
        "importlib._bootstrap_external",
    }


def test_the_node_program_is_the_one_named(fake_node_program: Path) -> None:
    assert fastenv.node_program() == fake_node_program


def test_the_node_program_comes_with_the_package() -> None:
    program = fastenv.node_program()
    done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("fastenv-node ")


def test_a_named_node_program_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTENV_NODE", str(tmp_path))
    with pytest.raises(NodeUnfitError, match="is not a program") as raised:
        fastenv.node_program()
    assert raised.value.hint is not None
    assert "FASTENV_NODE" in raised.value.hint
