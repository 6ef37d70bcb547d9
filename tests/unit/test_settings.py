"""Rules as users write them: every mistake is told with file, key and what is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastenv.exceptions import FileSystemError, LockError
from fastenv.settings import Rules, read_rules

BAD = [
    ("ignore = [", "cannot be read"),
    ("[tool]\nfastenv = 3", "tool.fastenv is a number, not a table"),
    ("[tool.fastenv]\nignor = []", "tool.fastenv.ignor is no setting of fastenv; ignore is"),
    ("[tool.fastenv]\nzzz = []", "tool.fastenv.zzz is no setting of fastenv"),
    ('[tool.fastenv]\nignore = "torch"', "tool.fastenv.ignore is a text, not a list"),
    ("[tool.fastenv]\nignore = [3]", "tool.fastenv.ignore has a number in it"),
    ('[tool.fastenv]\nonly = ["a", " "]', "tool.fastenv.only has an empty text in it"),
    ('[tool.fastenv]\nignore = ["torch>=2"]', "'torch>=2' is no name of a package"),
    ('[tool.fastenv]\nignore = ["conda:"]', "'conda:' is no name of a package"),
    ('[tool.fastenv]\nonly = ["../x"]', "'../x' is no name of a package"),
    ('[tool.fastenv]\nextra = ["cupy >"]', "'cupy >' is no requirement"),
    ('[tool.fastenv]\nextra = ["-e ./x"]', "name the folder alone"),
    ('[tool.fastenv]\nextra = ["x @ file:x"]', "a file URL begins with file:///"),
    ("[tool.fastenv]\nextra = [\"x @ ./x ; python_version > '3'\"]", "so it can have no marker"),
    ('[tool.fastenv]\nextra = ["git+https://me:word@host.example/x"]', "would be on a command line"),
    ('[tool.fastenv]\nextra = ["git+https://host.example/x@-x"]', "names no repository, or no revision"),
    ('[tool.fastenv]\nextra = ["dist/x-1.0-py3-none-any.whl"]', "./dist/x-1.0-py3-none-any.whl would be one"),
    ('[tool.fastenv]\nextra = ["x-1.0.tar.gz"]', "./x-1.0.tar.gz would be one"),
    ('[tool.fastenv]\nextra = ["https://host.example/x.whl"]', "NAME @ https://host.example/x.whl would be"),
    ('[tool.fastenv]\nextra = ["git+git@host.example:me/x"]', "is no URL: git+ssh://git@host.example"),
    ('[tool.fastenv]\nextra = ["git+https://host.example/x#subdirectory=../y"]', "leads out of the source"),
    ('allow-missing-libs = ["libX11"]', "'libX11' is no name of a library"),
    ('[tool.fastenv]\nexclude = ["a\\nb"]', "is no path and no pattern"),
    ("[tool.fastenv.include]\nx = 1", "tool.fastenv.include is a table, not a list"),
    ("ignore = true", "ignore is a truth value, not a list"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_bad_settings(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "fastenv.toml"
    file.write_text(text)
    with pytest.raises(LockError) as caught:
        read_rules(file)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.exit_code == 3
    with pytest.raises(LockError, match=r"fastenv\.toml"):
        read_rules(folder=tmp_path)


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileSystemError, match="cannot be read: No such file"):
        read_rules(tmp_path / "absent.toml")


@pytest.mark.parametrize(("key", "text"), [("ignore", "a b"), ("only", ""), ("extra", "-r x.txt")])
def test_bad_words_on_the_command_line(key: str, text: str) -> None:
    with pytest.raises(LockError, match=f"--{key}") as caught:
        Rules().plus(**{key: [text]})
    assert caught.value.hint


def test_bad_words_in_python() -> None:
    """A text where several are wanted would be one rule a letter."""
    for key, value, said in [
        ("ignore", "torch", "Rules: ignore is a text, not a list"),
        ("allow_missing_libs", "libX11.so.6", "Rules: allow-missing-libs is a text, not a list"),
        ("only", ("a b",), "'a b' is no name of a package"),
        ("exclude", (3,), "Rules: exclude has a number in it"),
    ]:
        with pytest.raises(LockError, match=said) as caught:
            Rules(**{key: value})  # type: ignore[arg-type]
        assert caught.value.hint
    assert Rules(ignore=["Py_Torch"]).ignore == ("py-torch",)  # type: ignore[arg-type]


def test_where_rules_are_looked_for(tmp_path: Path) -> None:
    """fastenv.toml, with its table or without; else pyproject.toml; else there are none."""
    assert read_rules(folder=tmp_path) == Rules()
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\n')
    assert read_rules(folder=tmp_path) == Rules()
    project.write_text('[tool.fastenv]\nignore = ["Py_Torch", "conda:_LibGCC"]\ninclude = ["."]\n')
    rules = read_rules(folder=tmp_path)
    assert (rules.ignore, rules.include) == (("py-torch", "conda:_libgcc"), (".",))
    assert (rules.source, rules.folder, rules.place) == ("pyproject.toml", tmp_path, "pyproject.toml")
    own = tmp_path / "fastenv.toml"
    for text in ('only = ["dask"]\n', '[tool.fastenv]\nonly = ["dask"]\n'):
        own.write_text(text)
        assert read_rules(folder=tmp_path).only == ("dask",)
        assert read_rules(folder=tmp_path).ignore == ()
        assert read_rules(own).source == str(own)


def test_the_command_line_adds() -> None:
    rules = Rules(ignore=("a",), source="fastenv.toml").plus(ignore=["B_c"], exclude=["*.csv"])
    assert (rules.ignore, rules.exclude, rules.source) == (("a", "b-c"), ("*.csv",), "fastenv.toml")
    assert Rules().plus(ignore=["x"]).place == "the command line"
    both = Rules(ignore=("x",), source="fastenv.toml").plus(ignore=["X", "y"])
    assert [both.place_of("ignore", name) for name in both.ignore] == ["fastenv.toml"] * 2 + [
        "the command line"
    ]
