"""Loose code, the whole way: from folders of the search path to modules that a copy imports."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.lab.copies import says
from tests.lab.lab import Lab, run

import fastenv
from fastenv.lock import Lock

_SHOW = "import sys; print(*(p for p in sys.path if '/overlays/' in p), sep='\\n')"


def write(folder: Path, **files: str) -> Path:
    """Files by their names, ``__`` for a slash and ``_dot_`` for a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def original(lab: Lab) -> Path:
    return lab.original(lab.wheel("lib", files={"lib.py": "x = 1\n", "space/of_lib.py": ""}))


def test_bad_input(lab: Lab, original: Path) -> None:
    """What can't be shipped is told before anything is asked of an index, and nothing is written."""
    big = write(lab.folder / "big", m_dot_py="", data_dot_bin="x" * 3000)
    (lab.folder / "fastenv.toml").write_text('ignroe = ["x"]\n')
    for words, code, said in (
        ("lock", 3, "fastenv.toml: ignroe is no setting of fastenv; ignore is"),
        ("lock --config absent.toml", 6, "the settings absent.toml cannot be read"),
        ("lock --max-loose-size lots --config ok.toml", 2, "is no size"),
        ("lock --max-loose-size 2kB --config ok.toml", 3, "big/data.bin"),
        ("lock --only nothing --config ok.toml", 3, "names nothing in only, which is not there"),
    ):
        (lab.folder / "ok.toml").write_text("")
        done = lab.cli(*words.split(), "--prefix", original, env={"PYTHONPATH": str(big)})
        assert (done.code, done.out) == (code, ""), done
        assert said in done.err
    assert not list(lab.folder.glob("pylock*"))


def test_three_folders_from_here_to_there(lab: Lab, original: Path) -> None:
    """Modules, packages, data, namespaces; verify, gc, healing and a second copy."""
    one = write(
        lab.folder / "a/src", first_dot_py="at = 1\n", space__inner_dot_py="y = 2\n", _dot_env="SECRET=1"
    )
    two = write(lab.folder / "b/src", second__init_dot_py="", second__words_dot_txt="data\n")
    (two / "second/init.py").rename(two / "second/__init__.py")
    three = write(lab.folder / "c/src", first_dot_py="at = 3\n", third_dot_py="")
    site = next(original.glob("lib/python*/site-packages"))
    (site / "loose.pth").write_text(f"{three}\n")
    done = lab.cli("lock", "--prefix", original, env={"PYTHONPATH": f"{one}:{two}"})
    assert done.code == 0, done.err
    assert "loose code of src, src-2, src-3" in done.err
    assert ".env of" in done.err
    lock = Lock.read(lab.folder / "pylock.fastenv.toml")
    assert [(it.name, it.place) for it in lock.overlays] == [
        ("src", "front"),
        ("src-2", "front"),
        ("src-3", "back"),
    ]
    assert ("src/.env", "it looks like a secret") in [(it.name, it.reason) for it in lock.ignored]
    made = lab.materialize(lock.path or Path(), prefix=None)
    paths = says(made / "bin/python", _SHOW).splitlines()
    assert paths == [f"{made}/overlays/{name}" for name in ("src", "src-2", "src-3")]
    code = (
        "import first, third, second, space.inner, space.of_lib, importlib.resources as r;"
        "print(first.at, r.files('second').joinpath('words.txt').read_text().strip(), space.inner.y)"
    )
    assert says(made / "bin/python", code) == "1 data 2"
    assert not list(made.rglob(".env"))
    assert lab.run("verify", made, "--full").code == 0
    assert lab.run("exec", made, "--", "python", "-c", "import third").code == 0
    # a copy of the copy is the same environment
    assert lab.cli("lock", "--prefix", made, "-o", "pylock.again.toml").code == 0
    assert Lock.read(lab.folder / "pylock.again.toml").env_id == lock.env_id
    # locking again gives the same; the lock still fits until an edit
    check = ("lock", "--check", "--prefix", original)
    assert lab.cli(*check, env={"PYTHONPATH": f"{one}:{two}"}).code == 0
    (one / "first.py").write_text("at = 2\n")
    done = lab.cli(*check, "--json", env={"PYTHONPATH": f"{one}:{two}"})
    row = json.loads(done.out.splitlines()[0])
    assert (done.code, row["kind"], row["name"], row["what"]) == (1, "overlay", "src", "content")
    # the archives are kept in the store: what lies beside the lock is not needed again
    (lab.folder / "pylock.fastenv.d").rename(lab.folder / "moved")
    (made / "overlays/src/first.py").chmod(0o644)
    (made / "overlays/src/first.py").write_text("at = 9\n")
    assert "overlays/src/first.py" in lab.run("verify", made, "--full").out
    assert lab.run("store", "verify").code != 0
    copy = lab.materialize(lock.path or Path(), prefix="copy")
    assert (
        says(copy / "bin/python", "import first; print(first.at, first.__file__)")
        == f"1 {copy}/overlays/src/first.py"
    )
    assert lab.run("store", "gc", "--keep-days", "0").code == 0
    assert says(copy / "bin/python", code) == "1 data 2"


SESSION = """
import sys, pathlib, fastenv
sys.path[:0] = ["", sys.argv[1]]
pathlib.Path("helper.py").write_text("version = 1\\n")
first = fastenv.lock(output="pylock.first.toml")
pathlib.Path("helper.py").write_text("version = 2\\n")
second = fastenv.lock(output="pylock.second.toml")
assert first.env_id != second.env_id
print([it.name for it in second.overlays])
print(fastenv.materialize(second).prefix)
"""


def test_code_edited_between_two_locks_ships(lab: Lab, original: Path) -> None:
    """A session as in a notebook: the process locks itself, with what its sys.path has become."""
    room, added = lab.folder / "notebooks", write(lab.folder / "elsewhere/tools", tool_dot_py="x = 1\n")
    room.mkdir()
    site = next(original.glob("lib/python*/site-packages"))
    ours = [str(Path(fastenv.__file__).parent.parent), *(p for p in sys.path if p.endswith("site-packages"))]
    (site / "ours.pth").write_text("".join(f"import sys; sys.path.append({it!r})\n" for it in ours))
    done = run([str(original / "bin/python"), "-c", SESSION, str(added)], env=lab.user, cwd=room, code=0)
    names, prefix = done.out.splitlines()
    assert names.startswith("['notebooks', 'tools'")
    assert says(Path(prefix, "bin/python"), "import helper, tool, lib; print(helper.version)") == "2"


def test_the_working_folder_if_it_is_asked_for(lab: Lab, original: Path) -> None:
    room = write(
        lab.folder / "project", helper_dot_py="x = 1\n", notes__a_dot_csv="1\n", notes__b_dot_csv="2\n"
    )
    done = lab.cli("lock", "--prefix", original, cwd=room)
    assert Lock.read(room / "pylock.fastenv.toml").overlays == (), done.err
    words = ("lock", "--prefix", original, "--include-cwd", "--exclude", "notes/b.csv")
    texts = set()
    for _ in range(2):  # the lock and what travels with it are no part of it
        assert lab.cli(*words, cwd=room).code == 0
        texts.add((room / "pylock.fastenv.toml").read_text())
    assert len(texts) == 1
    (room / "fastenv.toml").write_text('include = ["."]\nexclude = ["notes/b.csv", "fastenv.toml"]\n')
    assert lab.cli("lock", "--prefix", original, cwd=room).code == 0
    assert {(room / "pylock.fastenv.toml").read_text()} == texts
    made = lab.materialize(room / "pylock.fastenv.toml")
    names = sorted(os.path.relpath(path, made) for path in made.rglob("overlays/*/**/*") if path.is_file())
    assert names == ["overlays/project/helper.py", "overlays/project/notes/a.csv"]


def test_what_the_rules_ignore_is_not_in_the_copy(lab: Lab, original: Path) -> None:
    lab._install(original, "--default-index", lab.index.url, lab.wheel("app", requires=["lib"]))
    (lab.folder / "pyproject.toml").write_text('[tool.fastenv]\nignore = ["lib"]\n')
    done = lab.cli("lock", "--prefix", original)
    assert done.code == 0, done.err
    assert "lib is left out: ignored by pyproject.toml, though app needs it" in done.err
    lock = Lock.read(lab.folder / "pylock.fastenv.toml")
    assert [it.name for it in lock.packages] == ["app"]
    assert [(it.name, it.version) for it in lock.ignored if it.version] == [("lib", "1.0")]
    assert lab.cli("lock", "--check", "--prefix", original).code == 0
    assert lab.cli("diff", lock.path, original).code == 1
    out = lab.cli("why", "lib", "--prefix", original).out
    assert "left out: ignored by pyproject.toml, though app needs it" in out


def test_packages_for_the_nodes_alone(lab: Lab, original: Path) -> None:
    """Resolved beside what is installed, which keeps its version; pinned, and in the copy."""
    for tag in ("py3-none-any", "cp30-cp30-manylinux_2_17_x86_64"):
        lab.wheel("gpu", "2.0", requires=["helper", "lib"], tags=[tag])
    lab.wheel("gpu", "3.0")
    lab.wheel("helper", "1.5")
    lab.wheel("lib", "9.0")
    lab.wheel("greedy", requires=["lib>=9"])
    lock = ("lock", "--prefix", original)
    for words, said in (
        (("--extra", "greedy"), "the extra packages do not go with what is installed"),
        (("--extra", "lib"), "extra names lib, which the environment has itself"),
        (("--extra", "nowhere"), "nowhere"),
    ):
        done = lab.cli(*lock, *words)
        assert (done.code, done.out) == (3, ""), done
        assert said in done.err
    (lab.folder / "fastenv.toml").write_text('extra = ["gpu<3"]\n')
    assert lab.cli(*lock).code == 0
    made = Lock.read(lab.folder / "pylock.fastenv.toml")
    assert [(it.name, it.version, it.extra, it.requested) for it in made.packages] == [
        ("gpu", "2.0", True, True),
        ("helper", "1.5", True, False),
        ("lib", "1.0", False, True),
    ]
    assert made.packages[0].filename == "gpu-2.0-py3-none-any.whl"
    assert lab.cli(*lock, "--check").code == 0
    assert lab.cli("diff", original, "pylock.fastenv.toml").code == 0
    copy = lab.materialize(lab.folder / "pylock.fastenv.toml")
    assert says(copy / "bin/python", "import gpu, helper, lib") == ""
    (lab.folder / "fastenv.toml").write_text("")
    assert lab.cli(*lock, "--check").code == 1
