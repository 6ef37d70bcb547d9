"""Files in site-packages that no package owns, the whole way: what is imported here is imported there."""

from __future__ import annotations

import importlib.util
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from tests.lab.copies import says
from tests.lab.lab import Lab

from fastenv.lock import Lock, lock
from fastenv.scan import scan
from fastenv.settings import Rules
from fastenv.why import why

_SEEN = """
import importlib, json, os, sys
home = os.path.realpath(sys.prefix)
def place(name):
    module = importlib.import_module(name)
    file = os.path.realpath(module.__file__ or list(module.__path__)[0])
    return os.path.relpath(file, home) if file.startswith(home) else os.path.basename(file)
names = "loose pkg.plugin folder.deep folder._inner spread.here linked json inside".split()
data = open(os.path.join(os.path.dirname(importlib.import_module("pkg").__file__), "data/x.csv")).read()
print(json.dumps([*map(place, names), data, os.environ.get("OF_A_PTH_FILE")]))
"""


def written(site: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def original(lab: Lab) -> Path:
    """A package, a namespace package, and nothing that is nobody's."""
    files = {"pkg/__init__.py": "", "pkg/data/own.csv": "1\n", "spread/of_pkg.py": ""}
    return lab.original(lab.wheel("pkg", files=files))


@pytest.fixture
def site(original: Path) -> Path:
    return next(original.glob("lib/python*/site-packages"))


def test_bad_input(lab: Lab, original: Path, site: Path) -> None:
    """Too large, not there, a secret, a link in a circle, a link to a home folder: each is told, and by its name."""
    written(site, {"pkg/big.bin": "x" * 3000, "small.py": ""})
    words_of_lock = ("lock", "--prefix", original)
    for words, said in (
        (("--max-loose-size", "2kB"), "pkg/big.bin"),
        (("--only", "smal"), "names smal in only, which is not there"),
    ):
        done = lab.cli(*words_of_lock, *words)
        assert (done.code, done.out) == (3, ""), done
        assert said in done.err
    assert not list(lab.folder.glob("pylock*"))
    written(
        site, {"pkg/server.key": "secret\n", "broken.pth": "/nowhere\n\n# nothing\n", "gone.egg/x.py": ""}
    )
    (site / "circle").symlink_to(site)
    (site / "whole_home").symlink_to(lab.folder / "home")
    (site / "nowhere.py").symlink_to(site / "absent.py")
    done = lab.cli(*words_of_lock, "--exclude", "*.bin", "--ignore", "smell")
    assert done.code == 0, done.err
    for said in (
        "ignores smell, which is not there (there is small)",
        "pkg/server.key is not in the lock: it looks like a secret; a pattern in include takes it in",
        "circle is not in the lock: it leads to a folder that it is in",
        "whole_home is not in the lock: it is the home folder",
    ):
        assert said in done.err, said
    locked = Lock.read(lab.folder / "pylock.fastenv.toml")
    names = [it.name for it in locked.ignored if not it.version]
    expected = [
        "broken.pth",
        "circle",
        "gone.egg",
        "nowhere.py",
        "pkg/big.bin",
        "pkg/server.key",
    ]
    assert names == [*expected, "whole_home"]
    made = lab.materialize(lab.folder / "pylock.fastenv.toml")
    copied = {it.name for it in made.rglob("lib/python*/site-packages/**/*")}
    assert "small.py" in copied
    assert copied.isdisjoint({"big.bin", "server.key", "broken.pth", "circle", "whole_home", "nowhere.py"})


def test_from_here_to_there(lab: Lab, original: Path, site: Path) -> None:
    """Modules, packages, compiled modules, data in the folder of a package, namespaces, links, ``.pth`` files."""
    written(
        site,
        {
            "loose.py": "x = 1\n",
            "pkg/plugin.py": "x = 1\n",
            "pkg/data/x.csv": "1,2\n",
            "folder/__init__.py": "",
            "folder/deep.py": "",
            "spread/here.py": "",
            "json.py": "raise SystemExit('the standard library comes first')\n",
            "below/inside.py": "",
            "legacy-nspkg.pth": "import os; os.environ['OF_A_PTH_FILE'] = '1'\n",
            "paths.pth": f"# of both\nbelow\n{lab.folder}/elsewhere\n",
        },
    )
    (lab.folder / "elsewhere").mkdir()
    tree = lab.folder / "tree"
    written(tree, {"__init__.py": "", ".git/config": ""})
    (site / "linked").symlink_to(tree)
    compiled = importlib.util.find_spec("_json")
    if compiled is None or not compiled.origin or not compiled.origin.endswith(".so"):
        compiled = importlib.util.find_spec("_bz2")
    assert compiled is not None
    origin = Path(str(compiled.origin))
    shutil.copy(origin, site / "folder" / origin.name)
    code = _SEEN.replace("_inner", origin.name.partition(".")[0])
    assert lab.cli("lock", "--prefix", original).code == 0
    locked = Lock.read(lab.folder / "pylock.fastenv.toml")
    assert [(it.name, it.place) for it in locked.overlays] == [("site-packages", "site")]
    assert not [it.name for it in locked.ignored if not it.version]
    made = lab.materialize(lab.folder / "pylock.fastenv.toml", "--compile", prefix=None)
    here, there = (json.loads(says(it / "bin/python", code)) for it in (original, made))
    assert there[:5] == here[:5]
    assert there[6:] == here[6:]
    assert there[5].endswith("site-packages/linked/__init__.py")
    assert not list(made.rglob("fastenv-overlays.pth"))
    pth = next(made.glob("lib/python*/site-packages/paths.pth"))
    assert pth.read_text() == "# of both\nbelow\n"
    assert list(made.glob("lib/python*/site-packages/__pycache__/loose.*.pyc"))
    assert lab.run("verify", made, "--full").code == 0
    # a copy of the copy is the same environment
    again = lab.cli("lock", "--prefix", made, "-o", "pylock.again.toml")
    assert again.code == 0, again.err
    assert Lock.read(lab.folder / "pylock.again.toml").env_id == locked.env_id
    (told,) = map(json.loads, lab.cli("why", "plugin", "--prefix", original, "--json").out.splitlines())
    assert (told["lock"], told["reason"]) == (
        "carried",
        "site-packages.zip: no distribution's RECORD names it",
    )
    check = ("lock", "--check", "--prefix", original, "--json")
    assert lab.cli(*check).code == 0
    (site / "pkg" / "plugin.py").write_text("x = 2\n")
    (site / "new.py").touch()
    done = lab.cli(*check)
    row = json.loads(done.out.splitlines()[0])
    assert (done.code, row["kind"], row["name"], row["what"]) == (1, "overlay", "site-packages", "content")


def test_rules(lab: Lab, original: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, by pattern, and with the package whose folder it lies in."""
    written(
        site,
        {"my_tool.py": "", "other/x.py": "", "pkg/plugin.py": "", "pkg/sub/deep.py": "", "spread/y.py": ""},
    )
    for name, value in {**lab.environ, "UV_DEFAULT_INDEX": lab.index.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)  # with which this may run
    inventory, output = scan(prefix=original), lab.folder / "pylock.fastenv.toml"
    for words, expected in (
        (("ignore", "my-tool"), {"other/x.py", "pkg/plugin.py", "pkg/sub/deep.py", "spread/y.py"}),
        (("exclude", "other/"), {"my_tool.py", "pkg/plugin.py", "pkg/sub/deep.py", "spread/y.py"}),
        (("ignore", "pkg"), {"my_tool.py", "other/x.py", "spread/y.py"}),
        (("only", "pkg"), {"pkg/plugin.py", "pkg/sub/deep.py", "spread/y.py"}),
        (("only", "my-tool"), {"my_tool.py", "spread/y.py"}),
    ):
        rules = Rules().plus(**{words[0]: [words[1]]})
        (overlay,) = lock(inventory, rules=rules, strict=True, output=output).overlays
        with zipfile.ZipFile(lab.folder / overlay.path) as archive:
            assert {it.partition("/")[2] for it in archive.namelist()} == expected, words
    (found,) = why("other", inventory, lock=output)
    assert found.lock == "left out"
