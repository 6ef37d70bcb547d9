"""Libraries of the system that an environment needs: told by scan, locked, and missed by a node in time."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.lab.compiled import compile_shared
from tests.lab.lab import Done, Lab
from tests.lab.lock_text import lock_text

import fastenv
from fastenv.exceptions import NodeUnfitError
from fastenv.scan import Inventory
from fastenv.testing import make_wheel

SIGHT = "libfastenvsight.so.1"
MISSED = f"{SIGHT}, for seer"
HINT = "--allow-missing-libs"


@dataclass
class World:
    """An environment with ``seer``, which needs a library of the system; ``system`` is where that is."""

    lab: Lab
    system: Path
    original: Path
    lock: Path

    def cli(self, *arguments: object, code: int = 0, with_library: bool = False) -> Done:
        """The command line of the Python package, on a machine with or without the library."""
        return self.lab.cli(*arguments, code=code, env=self.loader(with_library=with_library))

    def loader(self, *, with_library: bool) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.system)} if with_library else {}


@pytest.fixture
def world(lab: Lab) -> World:
    system = lab.folder / "system"
    sight = compile_shared(system / SIGHT, "int sight(void) { return 42; }", f"-Wl,-soname,{SIGHT}")
    source = "extern int sight(void); int see(void) { return sight(); }"
    seer = compile_shared(lab.folder / "_seer.so", source, str(sight))
    module = (
        "import ctypes, pathlib\nlibrary = ctypes.CDLL(str(pathlib.Path(__file__).with_name('_seer.so')))\n"
    )
    files = {"seer/__init__.py": module, "seer/_seer.so": seer.read_bytes(), "seer/text.so": "no object"}
    wheel = lab.wheel("seer", files=files, tags=["py3-none-manylinux_2_17_x86_64"])
    made = World(lab, system, lab.original(wheel), lab.folder / "pylock.fastenv.toml")
    made.cli("lock", "--prefix", made.original, "-o", made.lock, with_library=True)
    return made


def test_a_node_without_it_fails_before_anything_is_fetched(world: World) -> None:
    world.lab.index.forget()
    said = world.lab.refuse(world.lock, 5)
    assert MISSED in said
    assert HINT in said
    done = world.cli("materialize", world.lock, code=5)
    assert done.out == ""
    assert MISSED in done.err
    assert HINT in done.err
    done = world.lab.run("exec", world.lock, "--", "true", code=125)
    assert re.fullmatch(rf"fastenv: .*{re.escape(MISSED)} \(.*\)\n", done.err)
    assert world.lab.index.requests == []


def test_where_it_is_the_environment_runs(world: World) -> None:
    loader = world.loader(with_library=True)
    question = ["--", "python", "-c", "import seer; print(seer.library.see())"]
    assert world.lab.run("exec", world.lock, *question, env=loader, code=0).out == "42\n"
    # It stands, and is not asked about again.
    assert world.lab.run("materialize", world.lock, code=0).err == ""


@pytest.mark.parametrize("program", ["fastenv", "fastenv-node"])
def test_the_user_may_go_on_without(world: World, program: str) -> None:
    start: Callable[..., Done] = world.cli if program == "fastenv" else world.lab.run
    done = start("materialize", world.lock, "--allow-missing-libs", code=0)
    assert f"this node lacks {MISSED}" in done.err
    assert Path(done.out.strip()).is_dir()


@pytest.mark.parametrize("program", ["fastenv", "fastenv-node"])
def test_one_library_may_be_missing_and_the_rest_is_guarded(world: World, program: str) -> None:
    """What is named no library, another one, this one; and the lock may say it for all nodes."""
    start: Callable[..., Done] = world.cli if program == "fastenv" else world.lab.run
    done = start("materialize", world.lock, f"{HINT}=sight", code=2)
    assert done.out == ""
    assert "is no name of a library, as libX11.so.6 is" in done.err
    done = start("materialize", world.lock, f"{HINT}=libX11.so.6", code=5)
    assert done.out == ""
    assert MISSED in done.err
    assert f"{HINT}={SIGHT} goes on without" in done.err
    done = start("materialize", world.lock, f"{HINT}=libX11.so.6,{SIGHT}", code=0)
    assert f"this node lacks {MISSED}" in done.err


def test_loose_code_and_extra_packages_need_libraries_too(world: World) -> None:
    """An object in site-packages that no package owns, one in a folder that is included, one in an extra wheel."""
    folder = world.lab.folder
    (world.original.parent / "included").mkdir()
    seer = (folder / "_seer.so").read_bytes()
    site = next(world.original.glob("lib/python*/site-packages"))
    for place in (site / "loose", world.original.parent / "included"):
        place.mkdir(exist_ok=True)
        (place / "_seen.so").write_bytes(seer)
        (place / "seen.py").touch()
    peer = make_wheel(folder, "peer", files={"peer/_seer.so": seer})
    own = compile_shared(site / "seer" / "libown.so", "int own(void) { return 1; }", "-Wl,-soname,libown.so")
    compile_shared(site / "loose/_owning.so", "extern int own(void); int o(void) { return own(); }", str(own))
    listed = world.cli("scan", "--prefix", world.original, with_library=True).out
    assert re.search(rf"{SIGHT} \(loose:loose, seer\)", listed)
    words = ("--include", world.original.parent / "included", "--extra", f"./{peer.name}")
    world.cli("lock", "--prefix", world.original, "-o", world.lock, *words, with_library=True)
    (library,) = fastenv.Lock.read(world.lock).libraries
    assert library.packages == ("overlay:included", "overlay:site-packages", "peer", "seer")
    assert f"{SIGHT}, for overlay:included, overlay:site-packages, peer and 1 more" in world.lab.refuse(
        world.lock, 5
    )


def test_settings_say_what_nodes_may_lack(world: World) -> None:
    settings = world.lab.folder / "fastenv.toml"
    lock = ("lock", "--prefix", world.original, "-o", world.lock)
    settings.write_text('allow-missing-libs = ["libsight"]\n')
    said = world.cli(*lock, code=3).err
    assert "fastenv.toml: allow-missing-libs: 'libsight' is no name of a library" in said
    settings.write_text(f'allow-missing-libs = ["{SIGHT}", "libfastenvsigh.so.1"]\n')
    said = world.cli(*lock, with_library=True).err
    assert "allows libfastenvsigh.so.1 to be missing, which nothing here needs" in said
    assert f"(there is {SIGHT})" in said
    (library,) = fastenv.Lock.read(world.lock).libraries
    assert library.optional
    assert world.cli(*lock[:3], "--check", with_library=True).code == 0
    done = world.lab.run("materialize", world.lock, code=0)
    assert f"this node lacks {MISSED}" in done.err
    settings.unlink()
    done = world.cli(*lock[:3], "--check", code=1, with_library=True)
    assert SIGHT in done.out


def test_python_is_told_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    prefix = world.lab.prefix("env")
    with pytest.raises(NodeUnfitError, match=re.escape(MISSED)) as raised:
        fastenv.materialize(world.lock, root=world.lab.root, prefix=prefix)
    assert HINT in (raised.value.hint or "")
    with pytest.raises(ValueError, match="is no name of a library"):
        fastenv.materialize(world.lock, prefix=prefix, allow_missing_libs=["sight"])
    report = fastenv.materialize(
        world.lock, root=world.lab.root, prefix=prefix, allow_missing_libs=SIGHT, compile=False
    )
    assert report.warnings == [f"this node lacks {MISSED}"]


def test_what_is_missing_here_too_is_listed_and_not_locked(world: World) -> None:
    inventory = world.lab.folder / "inventory.json"
    listed = world.cli("scan", "--prefix", world.original, "-o", inventory).out
    assert re.search(rf"missing on this machine \(1\)\n +{SIGHT} +seer\n", listed)
    (library,) = Inventory.from_json(inventory.read_text()).libraries
    assert (library.name, library.packages, library.path) == (SIGHT, ("seer",), "")
    world.cli("lock", "--inventory", inventory, "-o", "pylock.without.toml")
    assert fastenv.Lock.read(world.lab.folder / "pylock.without.toml").libraries == ()
    world.lab.materialize(world.lab.folder / "pylock.without.toml")


def test_what_is_here_is_listed_and_locked(world: World) -> None:
    inventory = world.lab.folder / "inventory.json"
    listed = world.cli("scan", "--prefix", world.original, "-o", inventory, with_library=True).out
    assert re.search(rf"a node must have, too \(1\)\n +{SIGHT} \(seer\)\n", listed)
    (library,) = Inventory.from_json(inventory.read_text()).libraries
    assert library.path == str(world.system / SIGHT)
    (locked,) = fastenv.Lock.read(world.lock).libraries
    assert (locked.name, locked.packages, locked.folders) == (SIGHT, ("seer",), ())


def test_a_library_that_is_too_old_is_missing(world: World) -> None:
    text = world.lock.read_text()
    row = '[[tool.fastenv.libraries]]\nname = "libc.so.6"\npackages = ["seer"]\nversions = ["GLIBC_99.1"]\n'
    newer = world.lab.folder / "pylock.newer.toml"
    newer.write_text(f"{text}\n{row}")
    said = world.lab.refuse(newer, 5)
    assert re.search(r"libc\.so\.6 with GLIBC_99\.1 \(it has none in /\S+/libc\.so\.6\), for seer", said)


OPENCV = """
[[tool.fastenv.conda]]
name = "opencv"
version = "4.12"
build = "0"
build-number = 0
subdir = "linux-64"
file-name = "opencv-4.12-0.conda"
path = "pylock.fastenv.d/{sha256}/opencv-4.12-0.conda"
sha256 = "{sha256}"

[[tool.fastenv.libraries]]
name = "libGL.so.1"
packages = ["conda:opencv"]

[[tool.fastenv.libraries]]
name = "libc.so.6"
packages = ["conda:opencv"]
versions = ["GLIBC_2.34"]

[[tool.fastenv.libraries]]
name = "libstdc++.so.6"
packages = ["conda:opencv"]
versions = ["GLIBCXX_3.4.21"]
"""


@pytest.mark.root
@pytest.mark.slow
def test_opencv_without_libgl_on_an_old_debian(old_debian: Path) -> None:
    """Debian 11: no libGL, glibc 2.31, and a libstdc++ that is new enough."""
    shutil.copy2(fastenv.node_program(), old_debian / "fastenv-node")
    (old_debian / "pylock.opencv.toml").write_text(lock_text(OPENCV.format(sha256="0" * 64)))
    command = ["chroot", str(old_debian), "/fastenv-node", "materialize", "--root", "/tmp/r"]  # noqa: S108
    done = subprocess.run([*command, "/pylock.opencv.toml"], check=False, capture_output=True, text=True)
    assert done.returncode == 5, done
    assert "libGL.so.1, for conda:opencv" in done.stderr
    assert re.search(r"libc\.so\.6 with GLIBC_2\.34 \(it has none in /\S+\), for conda:opencv", done.stderr)
    assert "libstdc++" not in done.stderr
