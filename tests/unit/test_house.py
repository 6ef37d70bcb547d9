"""The rules of this house that no linter knows: sizes, names, and what must be absent where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES = 500
FUNCTION_LINES = 40
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "misc"}

PYTHON = sorted((ROOT / "python").rglob("*.py"))
RUST = sorted((ROOT / "rust").rglob("*.rs"))
TEXTS = [
    path
    for folder in ("python", "rust", "tests", "benches", "docs", "demo", "build_backend")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".rs", ".md", ".toml", ".sh") and path != Path(__file__)
]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def without_tests(text: str) -> str:
    """Rust source up to its test module."""
    return re.split(r"^#\[cfg\(test\)\]\nmod ", text, maxsplit=1, flags=re.MULTILINE)[0]


def code_of(path: Path) -> str:
    """Rust source without comments and tests."""
    return re.sub(r"//.*", "", without_tests(text_of(path)))


def test_there_is_something_to_look_at() -> None:
    """The tests below pass if they find no file."""
    assert ROOT / "python/fastenv/__init__.py" in PYTHON
    assert ROOT / "rust/lib.rs" in RUST
    assert {ROOT / "docs/index.md", ROOT / "tests/conftest.py", *PYTHON, *RUST} <= set(TEXTS)


def test_a_file_is_read_at_a_sitting() -> None:
    lengths = {named(path): len(without_tests(text_of(path)).splitlines()) for path in [*PYTHON, *RUST]}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}


def test_a_function_fits_the_screen() -> None:
    lengths = {
        f"{named(path)}: {name}": lines
        for paths, functions in ((PYTHON, python_functions), (RUST, rust_functions))
        for path in paths
        for name, lines in functions(path)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function: its body, without docstring and signature."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if ast.get_docstring(node) is not None and len(body) > 1:
                body = body[1:]
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


def rust_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function, from its opening brace to the brace at its own indentation."""
    lines = without_tests(text_of(path)).splitlines()
    for start, line in enumerate(lines):
        found = re.match(r"( *)(?:pub(?:\([^)]*\))? )?(?:const |unsafe )*fn (\w+)", line)
        if found:
            ends = (at for at in range(start, len(lines)) if lines[at].startswith(found[1] + "}"))
            opens = (at for at in range(start, len(lines)) if lines[at].endswith("{"))
            end, opening = next(ends, start), next(opens, start)
            if not line.endswith((";", "}")):
                yield found[2], end - opening - 1


def test_a_file_is_named_for_what_it_holds() -> None:
    parts = {
        named(path): {path.stem.removeprefix("test_"), *path.relative_to(ROOT).parent.parts} for path in TEXTS
    }
    assert [name for name, words in parts.items() if FORBIDDEN & words] == []


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        pytest.param(r"\bstd::fs\b", "rust/fs.rs", id="errors of rust/fs.rs name the path"),
        pytest.param(r"\bpyo3\b", "rust/py/", id="the core knows no Python"),
        pytest.param(r"\basync fn\b|\btokio\b", "nowhere", id="threads, and no runtime"),
        pytest.param(r"\be?print(ln)?!", "rust/bin/", id="the library never prints"),
    ],
)
def test_what_the_core_must_not_know(pattern: str, allowed: str) -> None:
    # The map says what is behind the feature that names pyo3.
    patterns = {"rust/lib.rs": pattern.replace(r"\bpyo3\b", r"\bpyo3::")}
    knowing = [named(path) for path in RUST if re.search(patterns.get(named(path), pattern), code_of(path))]
    assert [name for name in knowing if not name.startswith(allowed)] == []


def test_the_library_never_prints() -> None:
    # What an interpreter is told to run in another process is text here, and no call.
    printing = [
        f"{named(path)}:{node.lineno}"
        for path in PYTHON
        if "cli" not in path.parts
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


# Hosts that may be named: those of examples (RFC 2606), of this machine, and of specifications.
HOSTS = re.compile(r"https?://([A-Za-z0-9.-]+\.[A-Za-z]{2,})")
KNOWN = re.compile(
    r"(^|\.)(example|test|invalid)(\.(com|org|net))?$"
    r"|^(packaging\.python\.org|setuptools\.pypa\.io|docs\.python\.org|peps\.python\.org|docs\.conda\.io|conda\.org|keepachangelog\.com"
    r"|semver\.org|rustup\.rs|www\.apache\.org|www\.w3\.org|www\.rfc-editor\.org|no-color\.org)$"
)


def test_no_index_is_named() -> None:
    hosts = {
        (named(path), host)
        for path in TEXTS
        if path.name != "fastenv_build.py"
        for host in HOSTS.findall(text_of(path))
    }
    assert {(name, host) for name, host in hosts if not KNOWN.search(host)} == set()


def test_no_path_of_a_developers_machine() -> None:
    assert [named(path) for path in TEXTS if re.search(r"(?<![\w.}])/(root|work)/\w", text_of(path))] == []


def test_all_is_true() -> None:
    """Every name of an ``__all__`` is there."""
    missing = {named(path): stated_names(tree_of(path)) - defined_names(tree_of(path)) for path in PYTHON}
    assert {name: names for name, names in missing.items() if names} == {}


def stated_names(tree: ast.Module) -> set[str]:
    return {
        name
        for node in tree.body
        if isinstance(node, ast.Assign)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["__all__"]
        for name in ast.literal_eval(node.value)
    }


def defined_names(tree: ast.Module) -> set[str]:
    return {
        name
        for node in ast.walk(tree)
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            else [target.id for target in node.targets if isinstance(target, ast.Name)]
            if isinstance(node, ast.Assign)
            else [node.target.id]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            else [alias.asname or alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }


def dependencies() -> list[str]:
    """Names of what fastenv depends on, from the two manifests."""
    cargo = (ROOT / "Cargo.toml").read_text()
    tables = re.findall(r"^\[(?:dev-)?dependencies\]\n(.*?)(?=^\[)", cargo, flags=re.MULTILINE | re.DOTALL)
    crates = re.findall(r"^([\w-]+) *=", "\n".join(tables), flags=re.MULTILINE)
    python = (ROOT / "pyproject.toml").read_text()
    (wanted,) = re.findall(r"^dependencies = \[\n(.*?)^\]", python, flags=re.MULTILINE | re.DOTALL)
    return [*crates, *re.findall(r'^ *"([\w-]+)', wanted, flags=re.MULTILINE)]


@pytest.mark.parametrize("name", dependencies())
def test_every_dependency_has_its_reason(name: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text[text.index("## What it leans on") :])
