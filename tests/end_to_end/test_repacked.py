"""What no index has is packed up from its installed files, and runs in the copy as it does here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.copies import copy_environment, says
from tests.lab.index_server import IndexServer
from tests.lab.lab import cli
from tests.lab.project import commit, make_project
from tests.lab.venv import install, make_venv, site_of

from fastenv.event import Event
from fastenv.exceptions import LockFaults
from fastenv.lock import lock
from fastenv.lock.edits import find_edits
from fastenv.testing import make_wheel


@pytest.fixture(autouse=True)
def alpha(folder: Path, own_index: IndexServer) -> Path:
    """A wheel that the user's index has."""
    return make_wheel(
        own_index.folder, "alpha", "1.0", {"alpha/__init__.py": "A = 1\n", "alpha/data.txt": "x"}
    )


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "repacked"])
def test_a_git_install(folder: Path, cached: bool) -> None:
    """Neither the repository nor the network is needed; where uv's cache has the wheel, it is that one."""
    source = make_project(
        folder / "tools",
        "our-tools",
        files={"our_tools/__init__.py": "def main(): print('tools')\n"},
        entry_points="[console_scripts]\ntools = our_tools:main\n",
    )
    revision = commit(source)
    python = make_venv(folder / "env")
    install(python, f"our-tools @ git+{source.as_uri()}")
    shutil.rmtree(source)
    if not cached:
        shutil.rmtree(folder / "home" / ".cache" / "uv")
    copy = copy_environment(python, folder / "node")
    package = copy.package("our-tools")
    assert (package.origin, package.commit) == ("local" if cached else "repacked", revision)
    assert package.reason == (None if cached else "from git")
    assert subprocess.check_output([copy.prefix / "bin" / "tools"], text=True) == "tools\n"
    assert not (site_of(copy.python) / "our_tools-1.0.dist-info" / "direct_url.json").exists()
    assert str(folder) not in copy.lock.text.replace(sys.base_prefix, "")


@pytest.mark.parametrize("gone", [False, True], ids=["there", "deleted"])
def test_a_wheel_from_a_file(folder: Path, gone: bool) -> None:
    """The file itself travels while it is there; after that, what was installed of it."""
    wheel = make_wheel(
        folder / "downloads",
        "direct",
        "1.0",
        {"direct.py": "D = 4\n", "vendor/six-1.0.dist-info/RECORD": "six.py,,\n", "vendor/six.py": ""},
        data={
            "scripts/direct-tool": "#!python\nimport direct; print(direct.D)\n",
            "scripts/plain": "#!/bin/sh\necho plain\n",
            "headers/direct.h": "int d;\n",
            "data/share/direct/notes.txt": "n",
        },
    )
    python = make_venv(folder / "env")
    install(python, str(wheel))
    if gone:
        wheel.unlink()
        shutil.rmtree(folder / "home" / ".cache", ignore_errors=True)
    copy = copy_environment(python, folder / "node")
    assert copy.package("direct").origin == ("repacked" if gone else "local")
    assert subprocess.check_output([copy.prefix / "bin" / "direct-tool"], text=True) == "4\n"
    assert subprocess.check_output([copy.prefix / "bin" / "plain"], text=True) == "plain\n"
    assert (copy.prefix / "share" / "direct" / "notes.txt").read_text() == "n"
    assert [path.read_text() for path in (copy.prefix / "include").rglob("direct.h")] == ["int d;\n"]
    assert (site_of(copy.python) / "vendor" / "six-1.0.dist-info" / "RECORD").is_file()


def test_a_wheel_by_its_url(folder: Path, own_index: IndexServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL is locked while it gives the wheel that is installed, and no edit was made to that."""
    wheel = make_wheel(folder / "wheels", "direct", "1.0", {"direct.py": "D = 4\n"})
    monkeypatch.setenv("FASTENV_PUBLIC_INDEXES", f"{own_index.base}/")
    url = own_index.files_url + wheel.name
    python = make_venv(folder / "env")
    install(python, f"direct @ {url}")
    hashes = {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}  # pip writes these, uv does not
    told = site_of(python) / "direct-1.0.dist-info" / "direct_url.json"
    told.write_text(json.dumps({"url": url, "archive_info": {"hashes": hashes}}))
    shutil.rmtree(folder / "home" / ".cache", ignore_errors=True)
    copy = copy_environment(python, folder / "node")
    package = copy.package("direct")
    assert (package.url, package.index, package.origin) == (url, None, "index")
    (site_of(python) / "direct.py").write_text("D = 5\n")
    copy = copy_environment(python, folder / "edited")
    assert (copy.package("direct").origin, copy.package("direct").reason) == ("repacked", "files were edited")
    assert says(copy.python, "import direct; print(direct.D)") == "5"


def test_an_edited_git_install(folder: Path) -> None:
    """uv's cache has the wheel, but that is not what runs here."""
    source = make_project(folder / "tool", "tool")
    commit(source)
    python = make_venv(folder / "env")
    install(python, f"tool @ git+{source.as_uri()}")
    (site_of(python) / "tool.py").write_text("VALUE = 'patched'\n")
    copy = copy_environment(python, folder / "node")
    assert (copy.package("tool").origin, copy.package("tool").reason) == ("repacked", "from git")
    assert says(copy.python, "import tool; print(tool.VALUE)") == "patched"


def test_edited_files_run_as_they_do_here(folder: Path) -> None:
    """The index has the wheel, unpatched."""
    python = make_venv(folder / "env", "alpha", links=folder / "wheels")
    (site_of(python) / "alpha" / "__init__.py").write_text("A = 'patched'\n")
    (site_of(python) / "alpha" / "data.txt").chmod(0o755)
    copy = copy_environment(python, folder / "node")
    assert (copy.package("alpha").origin, copy.package("alpha").reason) == ("repacked", "files were edited")
    assert says(copy.python, "import alpha; print(alpha.A)") == "patched"
    assert os.access(site_of(copy.python) / "alpha" / "data.txt", os.X_OK)


def test_an_edited_file_of_two(folder: Path) -> None:
    """A file that two packages claim, and that has the bytes of neither: one of them brings it as it is."""
    make_wheel(folder / "wheels", "beta", "1.0", {"alpha/__init__.py": "A = 'of beta'\n", "beta.py": ""})
    python = make_venv(folder / "env", "alpha", "beta", links=folder / "wheels")
    (site_of(python) / "alpha" / "__init__.py").write_text("A = 'patched'\n")
    with pytest.raises(LockFaults, match="which alpha and beta claim"):
        lock(python=python, strict=True)
    copy = copy_environment(python, folder / "node")
    assert (copy.package("alpha").reason, copy.package("beta").origin) == ("files were edited", "index")
    assert says(copy.python, "import alpha; print(alpha.A)") == "patched"


def test_files_that_are_gone_stay_gone(folder: Path) -> None:
    """Whoever deleted a package's tests here does not get them back there; a warning names them."""
    python = make_venv(folder / "env", "alpha", links=folder / "wheels")
    (site_of(python) / "alpha" / "data.txt").unlink()
    events: list[Event] = []
    copy = copy_environment(python, folder / "node", on_event=events.append)
    assert copy.package("alpha").reason == "its installation is damaged"
    assert not (site_of(copy.python) / "alpha" / "data.txt").exists()
    (warning,) = [event for event in events if event.kind == "warning"]
    assert "alpha/data.txt" in warning.message


def test_another_build_of_a_version(folder: Path) -> None:
    """The index has the version, with other files: those that are installed count. Twice gives the same lock."""
    make_wheel(folder / "mine", "alpha", "1.0", {"alpha/__init__.py": "A = 'mine'\n"})
    python = make_venv(folder / "env", "alpha", links=folder / "mine")
    copy = copy_environment(python, folder / "node")
    assert copy.package("alpha").reason == "another build of this version"
    assert says(copy.python, "import alpha; print(alpha.A)") == "mine"
    os.utime(site_of(python) / "alpha" / "__init__.py")
    assert lock(python=python).env_id == copy.lock.env_id


def test_without_record(folder: Path) -> None:
    """What metadata and top_level.txt name is taken, what others own is not, and a warning says so."""
    make_wheel(folder / "wheels", "beta", "2.0", {"shared/of_beta.py": "B = 1\n"})
    python = make_venv(folder / "env", "beta", links=folder / "wheels")
    site = site_of(python)
    for name, text in {
        "old-3.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: old\nVersion: 3.0\n",
        "old-3.0.dist-info/top_level.txt": "old_one\nshared\nsingle\n",
        "old_one/__init__.py": "from . import inner\n",
        "old_one/inner.py": "O = 3\n",
        "old_one/data/table.csv": "1,2\n",
        "shared/of_old.py": "",
        "single.py": "S = 1\n",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    events: list[Event] = []
    copy = copy_environment(python, folder / "node", on_event=events.append)
    package = copy.package("old")
    assert (package.origin, package.reason) == ("repacked", "it has no RECORD")
    assert says(copy.python, "import old_one, single; print(old_one.inner.O, single.S)") == "3 1"
    assert (site_of(copy.python) / "old_one" / "data" / "table.csv").is_file()
    record = (site_of(copy.python) / "old-3.0.dist-info" / "RECORD").read_text()
    assert "shared/of_old.py" in record
    assert "of_beta" not in record
    assert [event.package for event in events if event.kind == "warning"] == ["old"]


def test_egg_info(folder: Path) -> None:
    """An .egg-info becomes a .dist-info with its requirements and entry points."""
    python = make_venv(folder / "env")
    site = site_of(python)
    info = site / "eggy-1.5-py3.egg-info"
    info.mkdir()
    (site / "eggy.py").write_text("def main(): print('eggy')\n")
    (info / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: eggy\nVersion: 1.5\n\nAn egg.\n")
    (info / "top_level.txt").write_text("eggy\n")
    (info / "requires.txt").write_text("alpha>=1\n\n[more]\nbeta\n")
    (info / "entry_points.txt").write_text("[console_scripts]\neggy = eggy:main\n")
    (info / "installed-files.txt").write_text(
        "../eggy.py\nPKG-INFO\n../../../../bin/eggy\n../../../../share/eggs\n"
    )
    (folder / "env" / "share").mkdir(exist_ok=True)
    (folder / "env" / "share" / "eggs").write_text("12")
    copy = copy_environment(python, folder / "node")
    assert subprocess.check_output([copy.prefix / "bin" / "eggy"], text=True) == "eggy\n"
    assert (copy.prefix / "share" / "eggs").read_text() == "12"
    metadata = (site_of(copy.python) / "eggy-1.5.dist-info" / "METADATA").read_text()
    assert "Requires-Dist: alpha>=1\n" in metadata
    assert 'Requires-Dist: beta ; extra == "more"\n' in metadata
    assert metadata.endswith("\n\nAn egg.\n")


def test_nothing_is_read_to_pack_it_up_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel beside the lock is taken while it and the installed files stay as they are; a damaged one is not."""
    edits = sys.modules[find_edits.__module__]
    monkeypatch.setattr(edits, "_SETTLED_NS", -(10**12))  # a sha256 of what is new is kept, too
    make_wheel(folder / "mine", "lost", "1.0", {"lost.py": "L = 1\n", "lost.bin": "0" * 100_000})
    python = make_venv(folder / "env", "lost", links=folder / "mine")
    here = folder / "pylock.fastenv.toml"
    wheel = folder / str(lock(python=python, output=here).packages[0].path)
    made = wheel.stat()
    lock(python=python, output=here)  # reads the wheel, once
    with monkeypatch.context() as patch:
        patch.setattr(edits, "sha256_of", None)
        again = lock(python=python, output=here)
    assert folder / str(again.packages[0].path) == wheel
    assert (wheel.stat().st_ino, wheel.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    good = wheel.read_bytes()
    wheel.write_bytes(b"x" * len(good))
    lock(python=python, output=here)
    assert wheel.read_bytes() == good
    (site_of(python) / "lost.py").write_text("L = 2\n")
    assert folder / str(lock(python=python, output=here).packages[0].path) != wheel
    assert [path.name for path in (folder / "pylock.fastenv.d").iterdir() if path.name.startswith(".")] == []


def test_strict_refuses(folder: Path) -> None:
    """Everything that would be packed up is named, each with its reason; nothing is left beside the lock."""
    python = make_venv(folder / "env", "alpha", links=folder / "wheels")
    (site_of(python) / "alpha" / "data.txt").write_text("edited")
    make_wheel(folder / "mine", "lost", "1.0")
    install(python, "lost", links=folder / "mine")
    done = cli("lock", "--python", python, "--strict", cwd=folder, code=3)
    assert "2 packages cannot be locked" in done.err
    assert "alpha 1.0: installed files were edited: site/alpha/data.txt (changed)" in done.err
    assert "lost 1.0: no index and no find-links folder has it" in done.err
    assert not list(folder.glob("pylock*"))
    done = cli("lock", "--python", python, cwd=folder, code=0)
    assert "alpha: repacked: files were edited" in done.err
    assert "2 of them beside it" in done.err
    names = {path.name for path in (folder / "pylock.fastenv.d").rglob("*") if path.is_file()}
    assert names == {"alpha-1.0-py3-none-any.whl", "lost-1.0-py3-none-any.whl"}


def test_what_cannot_be_packed_up(folder: Path) -> None:
    """No RECORD and no module that could be its own: a fault, with the rest of them."""
    python = make_venv(folder / "env")
    info = site_of(python) / "ghost-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ghost\nVersion: 1.0\n")
    with pytest.raises(LockFaults, match=r"ghost 1\.0: .*no module"):
        lock(python=python)
    assert not list((folder / "home").glob("pylock*"))


def test_an_inventory_alone_is_not_enough(folder: Path) -> None:
    """Where the files are not here, the fault says what to do."""
    from fastenv.scan import Inventory, scan

    make_wheel(folder / "mine", "lost", "1.0")
    python = make_venv(folder / "env", "lost", links=folder / "mine")
    text = json.dumps(json.loads(scan(python=python).to_json())).replace(str(folder / "env"), "/elsewhere")
    with pytest.raises(LockFaults, match="where the environment is"):
        lock(Inventory.from_json(text))
