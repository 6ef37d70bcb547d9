"""Files that nobody owns are named, once, by what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scan.environment import Environment


def strays(environment: Environment, **variables: str) -> dict[str, str]:
    """Path relative to the prefix, or absolute, to kind."""
    found = environment.scan(variables).strays
    return {
        item.path.removeprefix(f"{environment.prefix}/").removeprefix("lib/"): item.kind for item in found
    }


def test_an_untouched_environment_has_none(environment: Environment) -> None:
    """What uv and pip write, byte code included, is all accounted for."""
    environment.install_by_pip(environment.wheel("demo", files={"demo/__init__.py": "", "demo/a/b.py": ""}))
    environment.install(environment.wheel("other", entry_points={"console_scripts": {"other": "other:main"}}))
    assert set(strays(environment).values()) <= {"venv"}


def test_each_kind(environment: Environment) -> None:
    """A module, a data file, a whole folder, a file within a package, a .pth, a script."""
    environment.install(environment.wheel("demo", files={"demo/__init__.py": "", "demo/data/x.txt": "1"}))
    site = environment.site
    (site / "loose.py").touch()
    (site / "notes.txt").touch()
    (site / "folder" / "deep").mkdir(parents=True)
    (site / "folder" / "deep" / "a.py").touch()
    (site / "folder" / "b.txt").touch()
    (site / "empty").mkdir()
    (site / "demo" / "patched.py").touch()
    (site / "demo" / "extra").mkdir()
    (site / "demo" / "extra" / "c.csv").touch()
    (site / "mine.pth").write_text("import os\n")
    (environment.prefix / "bin" / "my-tool").touch()
    base = f"{site.parent.name}/site-packages"
    found = {path: kind for path, kind in strays(environment).items() if kind != "venv"}
    assert found == {
        f"{base}/loose.py": "module",
        f"{base}/notes.txt": "file",
        f"{base}/folder": "module",
        f"{base}/demo/patched.py": "module",
        f"{base}/demo/extra": "file",
        f"{base}/mine.pth": "file",
        "bin/my-tool": "script",
    }


def test_directories_that_no_installer_writes_to(environment: Environment, tmp_path: Path) -> None:
    """Of PYTHONPATH and .pth directories, what can be imported from their top level."""
    lib, added = tmp_path / "lib", tmp_path / "added"
    for folder in (lib / "package", lib / "plain", added):
        folder.mkdir(parents=True)
    for file in (
        lib / "mod.py",
        lib / "package" / "__init__.py",
        lib / "readme.txt",
        added / "ext.abi3.so",
    ):
        file.touch()
    (environment.site / "added.pth").write_text(f"{added}\n")
    found = environment.scan({"PYTHONPATH": str(lib)}).strays
    modules = {item.path: (item.layer, item.reason) for item in found if item.kind == "module"}
    assert modules == {
        str(lib / "mod.py"): ("PYTHONPATH", "in a directory named by PYTHONPATH"),
        str(lib / "package"): ("PYTHONPATH", "in a directory named by PYTHONPATH"),
        str(added / "ext.abi3.so"): (
            ".pth",
            f"in a directory named by {environment.site / 'added.pth'}",
        ),
    }


def test_a_linked_package_is_owned(environment: Environment, tmp_path: Path) -> None:
    """A package that is a link to its source tree (flit install --symlink) is no stray."""
    environment.install(environment.wheel("demo", files={"demo/__init__.py": "x"}))
    (environment.site / "demo").rename(tmp_path / "demo")
    (environment.site / "demo").symlink_to(tmp_path / "demo")
    (environment.site / "loop").symlink_to(environment.site)
    inventory = environment.scan()
    assert [Path(item.path).name for item in inventory.strays if item.kind != "venv"] == ["loop"]
    assert inventory.broken == ()


def test_pip_target_in_pythonpath(make_environment: Callable[..., Environment], tmp_path: Path) -> None:
    """A folder filled by pip --target is walked as a site directory; its scripts are found."""
    environment = make_environment()
    target = tmp_path / "target"
    environment.install_by_pip(
        "--target",
        target,
        environment.wheel("demo", entry_points={"console_scripts": {"demo": "demo:main"}}),
    )
    (target / "loose.py").touch()
    inventory = environment.scan({"PYTHONPATH": str(target)})
    assert [item.name for item in inventory.distributions] == ["demo"]
    assert inventory.broken == ()
    assert [item.path for item in inventory.strays if item.kind != "venv"] == [str(target / "loose.py")]
