"""Patterns as .gitignore has them: a table of git's own rules."""

from __future__ import annotations

import pytest

from fastenv.loose.patterns import Patterns

TABLE = [
    # lines, what matches, what does not
    (("*.csv",), ("a.csv", "d/e.csv", "x.csv/y"), ("a.csv.py", "csv")),
    (("data/",), ("data/x", "a/data/x"), ("data", "mydata/x")),
    (("/data",), ("data", "data/x"), ("a/data",)),
    (("a/b",), ("a/b", "a/b/c"), ("x/a/b", "a/bc")),
    (("**/logs",), ("logs/x", "a/b/logs"), ("logsx",)),
    (("a/**",), ("a/b", "a/b/c"), ("a", "b/a/c")),
    (("a/**/z",), ("a/z", "a/b/c/z"), ("z", "ba/z")),
    (("?.py",), ("a.py", "d/b.py"), ("ab.py", ".py")),
    (("[ab].py",), ("a.py",), ("c.py",)),
    (("[!a].py",), ("b.py",), ("a.py", "/.py")),
    (("[a-c]x",), ("bx",), ("dx",)),
    (("*.log", "!keep.log"), ("a.log",), ("keep.log",)),
    (("# no", "", "   "), (), ("# no", "x")),
    (("\\#x", "\\!y"), ("#x", "!y"), ("x", "y")),
    (("*",), ("x", "a/b"), ()),
    (("./x",), ("x",), ()),
    (("(x)+.$",), ("(x)+.$",), ("xx.",)),
    (("[",), ("[",), ("x",)),
    (("a\\",), (), ("b",)),
    (("[]", "[z-a]"), ("[]",), ("b",)),
]


@pytest.mark.parametrize(("lines", "matching", "others"), TABLE, ids=lambda it: " ".join(it) if it else "-")
def test_a_table_of_patterns(
    lines: tuple[str, ...], matching: tuple[str, ...], others: tuple[str, ...]
) -> None:
    patterns = Patterns(lines)
    assert [path for path in (*matching, *others) if patterns.match(path)] == [*matching]
