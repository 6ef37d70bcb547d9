"""The rules of this house that no linter knows: sizes, names, and what must be absent where."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES = 500
FUNCTION_LINES = 40
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "misc"}

PYTHON = sorted((ROOT / "python").rglob("*.py"))
RUST = sorted((ROOT / "rust").rglob("*.rs"))
SOURCES = PYTHON + RUST
TEXTS = SOURCES + [
    path
    for folder in ("tests", "benches", "docs", "demo", "build_backend")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".rs", ".md", ".toml", ".sh") and path != Path(__file__)
]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_tests(text: str) -> str:
    """Rust source up to its test module."""
    return re.split(r"^#\[cfg\(test\)\]\nmod ", text, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_file_is_read_at_a_sitting(path: Path) -> None:
    assert len(without_tests(path.read_text()).splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_a_python_function_fits_the_screen(path: Path) -> None:
    long = [f"{name}: {lines}" for name, lines in python_functions(path) if lines > FUNCTION_LINES]
    assert long == []


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function: its body, without docstring and signature."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if ast.get_docstring(node) is not None and len(body) > 1:
                body = body[1:]
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("path", RUST, ids=named)
def test_a_rust_function_fits_the_screen(path: Path) -> None:
    long = [f"{name}: {lines}" for name, lines in rust_functions(path) if lines > FUNCTION_LINES]
    assert long == []


def rust_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function, from its opening brace to the brace at its own indentation."""
    lines = without_tests(path.read_text()).splitlines()
    for start, line in enumerate(lines):
        found = re.match(r"( *)(?:pub(?:\([^)]*\))? )?(?:const |unsafe )*fn (\w+)", line)
        if found:
            ends = (at for at in range(start, len(lines)) if lines[at].startswith(found[1] + "}"))
            opens = (at for at in range(start, len(lines)) if lines[at].endswith("{"))
            end, opening = next(ends, start), next(opens, start)
            if not line.endswith((";", "}")):
                yield found[2], end - opening - 1


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_a_file_is_named_for_what_it_holds(path: Path) -> None:
    assert not FORBIDDEN & {path.stem.removeprefix("test_"), *path.relative_to(ROOT).parent.parts}


def code_of(path: Path) -> str:
    """Rust source without comments and tests."""
    return re.sub(r"//.*", "", without_tests(path.read_text()))


ABSENCES: list[tuple[str, str, Callable[[Path], bool]]] = [
    # what, as a pattern; why; where it is allowed
    (r"\bstd::fs\b", "errors of rust/fs.rs name the path", lambda path: path == ROOT / "rust/fs.rs"),
    (r"\bpyo3\b", "the core knows no Python", lambda path: ROOT / "rust/py" in path.parents),
    (r"\basync fn\b|\btokio\b", "threads, and no runtime", lambda _: False),
    (
        r"\be?print(ln)?!",
        "the library never prints",
        lambda path: ROOT / "rust/bin" in path.parents,
    ),
]


@pytest.mark.parametrize("path", RUST, ids=named)
@pytest.mark.parametrize(
    ("pattern", "reason", "allowed"), ABSENCES, ids=lambda it: it if isinstance(it, str) else ""
)
def test_what_the_core_must_not_know(
    path: Path, pattern: str, reason: str, allowed: Callable[[Path], bool]
) -> None:
    if path == ROOT / "rust/lib.rs":
        pattern = pattern.replace(r"\bpyo3\b", r"\bpyo3::")
    assert allowed(path) or not re.search(pattern, code_of(path)), reason


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_the_library_never_prints(path: Path) -> None:
    if "cli" in path.parts:
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    printing = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    # What an interpreter is told to run in another process is text here, and no call.
    assert printing == []


# Hosts that may be named: those of examples (RFC 2606), of this machine, and of specifications.
HOSTS = re.compile(r"https?://([A-Za-z0-9.-]+\.[A-Za-z]{2,})")
KNOWN = re.compile(
    r"(^|\.)(example|test|invalid)(\.(com|org|net))?$"
    r"|^(packaging\.python\.org|setuptools\.pypa\.io|docs\.python\.org|peps\.python\.org|docs\.conda\.io|conda\.org|keepachangelog\.com"
    r"|semver\.org|rustup\.rs|www\.apache\.org|www\.w3\.org|www\.rfc-editor\.org|no-color\.org)$"
)


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_no_index_is_named(path: Path) -> None:
    if path.name == "fastenv_build.py":
        return
    named_hosts = {host for host in HOSTS.findall(path.read_text()) if not KNOWN.search(host)}
    assert named_hosts == set()


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_no_path_of_a_developers_machine(path: Path) -> None:
    assert not re.search(r"(?<![\w.}])/(root|work)/\w", path.read_text())


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_all_is_true(path: Path) -> None:
    tree = ast.parse(path.read_text())
    stated = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["__all__"]
    ]
    if not stated:
        return
    (names,) = stated
    defined = {
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
    assert set(names) <= defined


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
