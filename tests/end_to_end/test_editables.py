"""Editable installations: what their source trees hold now is what the copy has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.lab.copies import copy_environment, says
from tests.lab.lab import cli
from tests.lab.project import commit, make_project
from tests.lab.venv import install, make_venv, site_of

from fastenv.event import Event
from fastenv.exceptions import LockFaults
from fastenv.lock import lock
from fastenv.lock.backends import Backends
from fastenv.testing import make_wheel

pytestmark = pytest.mark.usefixtures("own_index")


def editable(folder: Path, *projects: Path) -> Path:
    """A venv in which these are editable; its interpreter."""
    python = make_venv(folder / "env")
    for project in projects:
        install(python, "--editable", str(project))
    return python


def builds(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_a_src_layout_ships_once_with_its_data(folder: Path) -> None:
    """Built from what git tracks and does not ignore; what an earlier build left is not in it."""
    project = make_project(
        folder / "model",
        "our-model",
        files={
            "our_model/__init__.py": "M = 1\n",
            "our_model/weights.json": "[1]",
            "our_model/secret.txt": "",
        },
        root="src",
        entry_points="[console_scripts]\nmodel = our_model:__name__.upper\n",
    )
    (project / ".gitignore").write_text("build/\nsecret.txt\n")
    commit(project)
    (project / "build" / "lib" / "our_model").mkdir(parents=True)
    (project / "build" / "lib" / "our_model" / "deleted.py").write_text("")
    (project / "src" / "our_model" / "new.py").write_text("N = 2\n")  # neither tracked nor ignored
    python = editable(folder, project)  # which may leave byte code of the backend in the tree
    before = sorted(path for path in project.rglob("*") if ".git" not in path.parts)
    copy = copy_environment(python, folder / "node")
    package = copy.package("our-model")
    assert (package.origin, package.reason, package.version) == ("built", "editable", "1.0")
    code = "import our_model, our_model.new as new; print(our_model.M, new.N, our_model.__file__)"
    assert says(copy.python, code) == f"1 2 {site_of(copy.python)}/our_model/__init__.py"
    there = {path.name for path in (site_of(copy.python) / "our_model").iterdir() if path.is_file()}
    assert there == {"__init__.py", "weights.json", "new.py"}
    assert (copy.prefix / "bin" / "model").is_file()
    assert "overlays" not in copy.lock.text
    assert str(folder / "model") not in copy.lock.text
    assert sorted(path for path in project.rglob("*") if ".git" not in path.parts) == before


def test_an_edit_in_one_session_ships(folder: Path) -> None:
    """Lock, edit, lock, materialize in one process; and what is unchanged is not built again."""
    log = folder / "log"
    project = make_project(folder / "tool", "tool", log=log)
    python = editable(folder, project)
    first = copy_environment(python, folder / "one")
    assert (says(first.python, "import tool; print(tool.VALUE)"), builds(log)) == ("1", 1)
    assert lock(python=python).env_id == first.lock.env_id
    assert builds(log) == 1
    (project / "tool.py").write_text("VALUE = 2\n")
    second = copy_environment(python, folder / "two")
    assert says(second.python, "import tool; print(tool.VALUE)") == "2"
    (project / "tool.py").rename(project / "renamed.py")
    third = copy_environment(python, folder / "three")
    assert says(third.python, "import renamed; print(renamed.VALUE)") == "2"
    assert not (site_of(third.python) / "tool.py").exists()
    (project / "backend.json").write_text(
        (project / "backend.json")
        .read_text()
        .replace('"entry_points": ""', '"entry_points": "[x]\\ny = z\\n"')
    )
    fourth = lock(python=python)
    assert len({fourth.env_id, third.lock.env_id, second.lock.env_id, first.lock.env_id}) == 4


def test_the_version_stays_the_scanned_one(folder: Path) -> None:
    """A version that is made up from a repository is not made up anew; nor is one that is but written elsewhere."""
    dynamic = make_project(folder / "dynamic", "dynamic-one", None)
    plain = make_project(folder / "plain", "plain-one", "1.0")
    commit(dynamic)
    python = editable(folder, dynamic, plain)
    for name in ("METADATA", "RECORD"):
        path = site_of(python) / "dynamic_one-0.0.1.dev1+gmadeup.dist-info" / name
        path.write_text(path.read_text().replace("0.0.1.dev1+gmadeup", "0.0.7.dev3+gabcdef1.d20260101"))
    path.parent.rename(site_of(python) / "dynamic_one-0.0.7.dev3+gabcdef1.d20260101.dist-info")
    (plain / "backend.json").write_text((plain / "backend.json").read_text().replace('"1.0"', '"2.0"'))
    copy = copy_environment(python, folder / "node")
    assert copy.package("dynamic-one").version == "0.0.7.dev3+gabcdef1.d20260101"
    assert copy.package("plain-one").version == "1.0"
    assert says(copy.python, "import plain_one; print(plain_one.VALUE)") == "1"


def test_three_projects_in_folders_of_one_name(folder: Path) -> None:
    """Three times src, three packages."""
    projects = [
        make_project(folder / name / "src", name, files={f"{name}.py": f"NAME = {name!r}\n"})
        for name in "abc"
    ]
    copy = copy_environment(editable(folder, *projects), folder / "node")
    assert says(copy.python, "import a, b, c; print(a.NAME, b.NAME, c.NAME)") == "a b c"


def test_a_namespace_over_an_editable_and_a_wheel(folder: Path) -> None:
    make_wheel(folder / "wheels", "space-one", "1.0", {"space/one.py": "ONE = 1\n"})
    project = make_project(folder / "two", "space-two", files={"space/two.py": "TWO = 2\n"}, root="src")
    python = editable(folder, project)
    install(python, "space-one", links=folder / "wheels")
    copy = copy_environment(python, folder / "node")
    assert says(copy.python, "from space import one, two; print(one.ONE, two.TWO)") == "1 2"


@pytest.fixture
def extension(folder: Path) -> Path:
    """A project with a compiled extension beside its sources, which git ignores."""
    project = make_project(
        folder / "fast", "fast", files={"fast/__init__.py": "from ._c import answer\n"}, root="src"
    )
    source = project / "fast.c"
    source.write_text(
        "#include <Python.h>\nstatic PyObject *answer(PyObject *s, PyObject *a) { return PyLong_FromLong(42); }\n"
        'static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {0}};\n'
        'static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_c", 0, -1, methods};\n'
        "PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&module); }\n"
    )
    include = sysconfig.get_path("include")
    target = project / "src" / "fast" / f"_c{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = ["cc", "-shared", "-fPIC", "-O0", f"-I{include}", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no C compiler with Python's headers: {done.stderr[-200:]}")
    (project / ".gitignore").write_text("*.so\n")
    commit(project)
    return project


def test_a_compiled_extension_is_shipped_as_it_lies(folder: Path, extension: Path) -> None:
    """No compiler is asked: the library beside the sources is the one that runs here."""
    python = editable(folder, extension)
    copy = copy_environment(python, folder / "node")
    assert copy.package("fast").reason == "editable, with compiled extensions in place"
    assert f"linux_{os.uname().machine}" in copy.package("fast").filename
    assert says(copy.python, "import fast; print(fast.answer())") == "42"


@pytest.mark.parametrize("link", [True, False], ids=["egg-link", "only a .pth"])
def test_setup_py_develop(folder: Path, link: bool) -> None:
    """What `setup.py develop` leaves: an .egg-info in the tree, a line in easy-install.pth, an .egg-link."""
    project = make_project(
        folder / "old", "old-style", "0.5", {"old_style.py": "OLD = 5\n", "setup_data.py": ""}
    )
    info = project / "old_style.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: old-style\nVersion: 0.5\n")
    (info / "top_level.txt").write_text("old_style\n")
    python = make_venv(folder / "env")
    (site_of(python) / "easy-install.pth").write_text(f"{project}\n")
    if link:
        (site_of(python) / "old-style.egg-link").write_text(f"{project}\n.\n")
    copy = copy_environment(python, folder / "node")
    assert (copy.package("old-style").origin, copy.package("old-style").version) == ("built", "0.5")
    assert says(copy.python, "import old_style; print(old_style.OLD)") == "5"


def test_a_build_that_fails(folder: Path) -> None:
    """Its own words and the ways on, together with what else is wrong; then each of those ways."""
    project = make_project(folder / "bad", "bad", files={"bad/__init__.py": "B = 1\n"}, root="src")
    python = editable(folder, project)
    (project / "fails").write_text("no such header: cuda.h")
    gone = make_project(folder / "gone", "gone")
    install(python, "--editable", str(gone))
    shutil.rmtree(gone)
    done = cli("lock", "--python", python, cwd=folder, code=3)
    assert "the compiler says: no such header: cuda.h" in done.err
    assert done.err.count("--on-build-failure=copy") == 1, "of what is gone nothing can be copied"
    assert done.err.count("--on-build-failure=ignore") == 2
    assert f"gone 1.0: its source folder {gone} is not there" in done.err
    assert "building bad" in done.err
    shutil.rmtree(next(site_of(python).glob("gone-*")))
    copy = copy_environment(python, folder / "node", on_build_failure="copy")
    assert copy.package("bad").reason == "editable, its tree as it is"
    assert says(copy.python, "import bad; print(bad.B)") == "1"
    events: list[Event] = []
    without = lock(python=python, on_build_failure="ignore", on_event=events.append)
    assert without.packages == ()
    assert [(it.name, it.version) for it in without.ignored if it.version] == [("bad", "1.0")]
    assert any(event.kind == "warning" and event.package == "bad" for event in events)


def test_a_build_that_takes_too_long(folder: Path) -> None:
    project = make_project(folder / "slow", "slow")
    python = editable(folder, project)
    backend = project / "tiny_backend.py"
    backend.write_text(f"{backend.read_text()}\nimport time\n\ndef build_wheel(*_):\n    time.sleep(60)\n")
    with pytest.raises(LockFaults, match="more than 2 s"):
        lock(python=python, build_timeout=2.0)


def test_offline_with_the_backend_in_the_environment(folder: Path) -> None:
    """Where the index lacks what the build needs, and the environment has it, the environment's is used."""
    project = make_project(folder / "tool", "tool")
    python = editable(folder, project)
    make_wheel(folder / "mine", "needed-backend", "1.0")
    install(python, "needed-backend", links=folder / "mine")
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace("requires = []", 'requires = ["needed-backend"]'))
    copy = copy_environment(python, folder / "node")
    assert says(copy.python, "import tool, needed_backend; print(tool.VALUE)") == "1"


def test_another_version_of_the_backend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel is made again once the index has a newer one, and not because the index cannot be asked."""
    log = folder / "log"
    project = make_project(folder / "tool", "tool", log=log)
    python = editable(folder, project)
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace("requires = []", 'requires = ["needed-backend"]'))
    make_wheel(folder / "wheels", "needed-backend", "1.0")
    counts = []
    for released in ("", "1.1", "1.2"):
        if released:
            make_wheel(folder / "wheels", "needed-backend", released)
        if released == "1.2":
            monkeypatch.setattr(sys.modules[Backends.__module__], "_HOLDS_S", 0.0)
        lock(python=python)
        counts.append(builds(log))
    assert counts == [1, 1, 2]  # the first answer holds for ten minutes
    monkeypatch.setenv("UV_OFFLINE", "1")
    for wheel in (folder / "wheels").iterdir():
        wheel.unlink()
    shutil.rmtree(folder / "home" / ".cache" / "uv")
    lock(python=python)
    assert builds(log) == 2


def test_an_edit_needs_no_build_once_that_was_right(folder: Path) -> None:
    """The first edit is built and compared; the next is put into the last build's wheel."""
    log = folder / "log"
    files = {"pkg/__init__.py": "", "pkg/inner.py": "I = 0\n", "pkg/same.py": "I = 0\n"}
    project = make_project(folder / "pkg", "pkg", files=files, root="src", log=log)
    python = editable(folder, project)
    counts = []
    for number in range(4):
        (project / "src" / "pkg" / "inner.py").write_text(f"I = {number}\n")
        lock(python=python)
        counts.append(builds(log))
    assert counts == [1, 2, 2, 2]
    (project / "src" / "pkg" / "new.py").write_text("")
    copy = copy_environment(python, folder / "node")
    assert builds(log) == 3
    assert says(copy.python, "from pkg import inner, same, new; print(inner.I, same.I)") == "3 0"


def test_a_build_that_reads_what_it_copies(folder: Path) -> None:
    """Where a replacement was once wrong, the project is always built."""
    log = folder / "log"
    project = make_project(folder / "pkg", "pkg", files={"pkg/inner.py": "I = 0\n"}, root="src", log=log)
    backend = project / "tiny_backend.py"
    more = '    files["pkg/generated.py"] = b"# " + files["pkg/inner.py"]\n    files |='
    backend.write_text(backend.read_text().replace("    files |=", more, 1))
    python = editable(folder, project)
    for number in range(3):
        (project / "src" / "pkg" / "inner.py").write_text(f"I = {number}\n")
        copy = copy_environment(python, folder / f"node-{number}")
        assert (site_of(copy.python) / "pkg" / "generated.py").read_text() == f"# I = {number}\n"
    assert builds(log) == 3


def test_what_the_backend_leaves_out_is_said(folder: Path) -> None:
    """An editable installation sees more of its tree than a wheel has: a warning names the modules."""
    project = make_project(
        folder / "pkg", "pkg", files={"pkg/a.py": "", "pkg/b.py": "", "pkg/tests/t.py": ""}, root="src"
    )
    backend = project / "tiny_backend.py"
    backend.write_text(
        backend.read_text().replace("    return write(", '    files.pop("pkg/b.py")\n    return write(', 1)
    )
    events: list[Event] = []
    lock(python=editable(folder, project), on_event=events.append)
    assert [event.message for event in events if event.kind == "warning"] == [
        "importable here, and not in the wheel that its backend builds: pkg/b.py"
    ]
