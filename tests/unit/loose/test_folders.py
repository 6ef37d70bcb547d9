"""Which folders are loose: where they come from, what they are called, and which never are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.lock.inventories import distribution, inventory

from fastenv.exceptions import LockError
from fastenv.lock.overlays import find_overlays
from fastenv.loose.folders import survey_folders
from fastenv.scan.inventory import Inventory, Origin, SearchPath, Stray
from fastenv.settings import Rules


def module(folder: Path, *names: str) -> Path:
    for name in names or ("tool.py",):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
    return folder


def scanned(*folders: Path, layer: str = "PYTHONPATH", loose: str = "tool.py", **more: object) -> Inventory:
    """An inventory of these folders on the search path, each with a loose module."""
    entries = tuple(SearchPath(str(it), layer, str(it), site=False) for it in folders)  # type: ignore[arg-type]
    strays = tuple(Stray(f"{it}/{loose}", layer, "module", "") for it in folders)  # type: ignore[arg-type]
    return inventory(**{"search_path": entries, "strays": strays, **more})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = module(tmp_path / "home" / "me")
    monkeypatch.setenv("HOME", str(made))
    return made


def test_what_is_never_shipped(home: Path, tmp_path: Path) -> None:
    """A home folder, what has one in it, an environment; whoever names them."""
    venv = module(tmp_path / "venv", "pyvenv.cfg", "tool.py")
    conda = module(tmp_path / "conda", "conda-meta/history", "tool.py")
    for folder in (home, home.parent, Path("/"), venv, conda):
        for survey in (
            survey_folders(scanned(folder)),
            survey_folders(inventory(), [folder]),
            survey_folders(inventory(), search_path=[str(folder)]),
        ):
            assert survey.folders == []
            assert [path for path, _ in survey.left_out] == [str(folder)]


def test_what_is_in_the_home_folder_may_be(home: Path) -> None:
    assert [it.name for it in survey_folders(inventory(), [module(home / "project")]).folders] == ["project"]


def test_three_folders_of_one_name_stay_three(tmp_path: Path) -> None:
    folders = [module(tmp_path / name / "src") for name in ("a", "b", "c")]
    survey = survey_folders(scanned(*folders))
    assert [it.name for it in survey.folders] == ["src", "src-2", "src-3"]
    assert [it.path for it in survey.folders] == [str(it) for it in folders]
    assert {it.place for it in survey.folders} == {"front"}


@pytest.mark.parametrize(
    ("last", "name"), [("mit ä.b-c", "mit_.b-c"), ("..x", "x"), ("-", "folder"), ("a" * 200, "a" * 80)]
)
def test_names_are_plain(last: str, name: str, tmp_path: Path) -> None:
    assert survey_folders(scanned(module(tmp_path / last))).folders[0].name == name


def test_order_and_place(tmp_path: Path) -> None:
    named, added, own, late = (module(tmp_path / name) for name in ("named", "added", "own", "late"))
    found = scanned(named)
    back = scanned(added, layer=".pth")
    both = inventory(search_path=found.search_path + back.search_path, strays=found.strays + back.strays)
    survey = survey_folders(both, [own])
    assert [(it.name, it.place) for it in survey.folders] == [
        ("own", "front"),
        ("named", "front"),
        ("added", "back"),
    ]
    library = module(tmp_path / "library", "os.py")
    path = [str(own), str(named), str(library), str(late)]
    survey = survey_folders(both, search_path=path)
    assert [(it.name, it.place) for it in survey.folders][:2] == [("own", "front"), ("named", "front")]
    assert ("late", "back") in [(it.name, it.place) for it in survey.folders]


def test_the_working_folder_of_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(module(tmp_path / "notebooks"))
    assert [it.name for it in survey_folders(inventory(), search_path=[""]).folders] == ["notebooks"]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert survey_folders(inventory(), search_path=[""]).folders == []


def test_what_distributions_own_is_not_shipped_again(tmp_path: Path) -> None:
    """Of a folder that installers wrote to, only what is loose; of an editable project, what is beside it."""
    target = module(tmp_path / "target", "tool.py", "owned.py")
    (folder,) = survey_folders(scanned(target, distributions=(distribution(location=str(target)),))).folders
    assert (folder.holds("tool.py"), folder.holds("owned.py")) == (True, False)
    project = module(tmp_path / "project", "alpha/__init__.py", "notebook_tools.py", "src/beta.py")
    editable = distribution(origin=Origin("editable", url=f"file://{project}"))
    source = SearchPath(str(project / "src"), ".pth", str(project), site=False, added_by="x.pth")
    found = inventory(editable, search_path=(source,))
    (folder,) = survey_folders(found, [project]).folders
    assert folder.holds("notebook_tools.py")
    assert not folder.holds("alpha/__init__.py")
    assert not folder.holds("src/beta.py")
    assert survey_folders(found, [project / "src"]).folders == []


def test_an_environment_below_the_folder(tmp_path: Path) -> None:
    project = module(tmp_path / "project", "tool.py", "env/lib/x.py")
    interpreter = inventory().interpreter
    assert interpreter is not None
    found = inventory(interpreter=replace(interpreter, prefix=str(project / "env")))
    (folder,) = survey_folders(found, [project]).folders
    assert (folder.holds("tool.py"), folder.holds("env/lib/x.py")) == (True, False)


def test_the_limit_names_the_largest(tmp_path: Path) -> None:
    folder = module(tmp_path / "src")
    for number in range(8):
        (folder / f"data{number}.bin").write_bytes(b"x" * (100 + number))
    with pytest.raises(LockError) as caught:
        find_overlays(scanned(folder), Rules(), largest=500)
    lines = str(caught.value).splitlines()
    assert "has 834 B in 9 files, more than 500 B" in lines[0]
    assert [line.rpartition("/")[2] for line in lines[1:]] == [f"data{n}.bin" for n in (7, 6, 5, 4, 3)]
    assert caught.value.hint is not None
    assert "--max-loose-size" in caught.value.hint
    assert find_overlays(scanned(folder), Rules(exclude=("*.bin",)), largest=500).folders


def test_what_is_included(tmp_path: Path) -> None:
    module(tmp_path / "project", "tool.py", "lib/inner.py")
    rules = Rules(include=("lib", "*.bin"), folder=tmp_path / "project")
    found = find_overlays(inventory(), rules)
    assert [it.name for it, _ in found.folders] == ["lib"]
    with pytest.raises(LockError, match="which is no folder"):
        find_overlays(inventory(), Rules(include=(str(tmp_path / "absent"),)))


def test_secrets_are_named_in_lock_and_warning(tmp_path: Path) -> None:
    found = find_overlays(scanned(module(tmp_path / "src", "tool.py", ".env")), Rules())
    assert found.left_out == [("src/.env", "it looks like a secret")]
    assert found.warnings == [
        f".env of {tmp_path}/src looks like a secret and is not in the lock; a pattern in include takes it in"
    ]


def test_names_that_no_archive_can_have_are_told(tmp_path: Path) -> None:
    found = find_overlays(scanned(module(tmp_path / "src", "tool.py", "a\\b.py")), Rules())
    assert found.left_out == [("src/a\\b.py", "no archive can have its name")]
    (said,) = found.warnings
    assert said.endswith(f"of {tmp_path}/src is not in the lock: no archive can have its name")


def test_what_is_included_in_vain_is_told(tmp_path: Path) -> None:
    named, empty = module(tmp_path / "named", "tool.py", "models/a.bin"), tmp_path / "empty"
    empty.mkdir()
    include = ("nosuchdir", "*.nosuch", "models/", "tool.*", "!tool.pyc", str(empty), str(named))
    found = find_overlays(scanned(named), Rules(folder=tmp_path, include=include))
    assert [it.partition(" includes ")[2].partition(", ")[0] for it in found.warnings] == [
        str(empty),
        "nosuchdir",
        "*.nosuch",
    ]
