"""What conda packages want of a node: glibc, the kernel, a GPU's driver, the processor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import make_package
from tests.lab.lab import Lab
from tests.lab.locks import restate

from fastenv import materialize
from fastenv.exceptions import NodeUnfitError


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have told conda of a GPU."""
    for name in ("CUDA", "GLIBC", "LINUX", "ARCHSPEC"):
        monkeypatch.delenv(f"CONDA_OVERRIDE_{name}", raising=False)


def lock_of(lab: Lab, *wants: str, optional: bool = False) -> Path:
    """A lock of two packages, of which the first wants all this."""
    archives = [
        archive_at(make_package(lab.folder / "channel", name, files={f"lib/{name}": name})) for name in "ab"
    ]
    rows = [
        f"spec = {json.dumps(spec)}\npackages = [{', '.join(json.dumps(n) for n in 'ab'[: 1 + at % 2])}]\n"
        for at, spec in enumerate(wants)
    ]
    flag = "optional = true\n" if optional else ""
    more = "".join(f"[[tool.fastenv.virtual]]\n{row}{flag}" for row in rows)
    return conda_lock(archives, lab.folder, more=more)


def test_all_that_a_node_lacks_is_told_at_once(lab: Lab) -> None:
    """And before anything is fetched: the archives are not even there."""
    lock = lock_of(
        lab, "__glibc >=2.999", "__cuda >=12.1", "__linux >=2.6", "__archspec 1 m68k", "__win", "__osx >=11"
    )
    shutil.rmtree(lab.folder / "pylock.fastenv.d")
    said = lab.refuse(lock, 5, "--override-virtual", "__cuda=11.8", "--override-virtual", "__archspec=zen2")
    assert [line.strip() for line in said.splitlines()[1:]] == [
        f"a wants __glibc >=2.999, this node has {glibc(lab)}",
        "a, b want __cuda >=12.1, this node has __cuda 11.8",
        "a, b want __archspec 1 m68k, this node has __archspec 1 zen2",
        "a wants __win, this node has none",
        "a, b want __osx >=11, this node has none",
        "hint: use another node; if it does have this, say so with --override-virtual NAME=VERSION",
    ]
    assert not list((lab.store / "artifacts").glob("*"))


def glibc(lab: Lab) -> str:
    version = node(lab)["glibc"]
    return f"__glibc {version}"


def node(lab: Lab, *options: str, **env: str) -> dict[str, Any]:
    done = lab.run("probe", "--json", "--root", lab.root, *options, env=env)
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.parametrize("word", ["__cuda", "cuda=12", "__cuda=1..2", "__=1", ""])
def test_what_is_no_override(lab: Lab, word: str) -> None:
    lock = lock_of(lab)
    assert "__cuda=12.4" in lab.refuse(lock, 2, "--override-virtual", word)
    done = lab.cli("materialize", lock, "--override-virtual", word)
    assert (done.code, done.out) == (2, "")
    assert "__cuda=12.4" in done.err


def test_exec_says_it_in_a_line(lab: Lab) -> None:
    lock = lock_of(lab, "__cuda >=12", "__glibc >=2.999")
    done = lab.run("exec", "--override-virtual", "__cuda=", lock, "--", "true")
    assert (done.code, done.out, done.err.count("\n")) == (125, "", 1)
    assert "a wants __cuda >=12, this node has none; a, b want __glibc >=2.999" in done.err


def test_what_the_caller_says_counts(lab: Lab) -> None:
    """Before what the variable says, and that before what is there."""
    lock = lock_of(lab, "__cuda 12.*")
    prefix = str(lab.prefix("env"))

    def run(*options: str, **env: str) -> int:
        return lab.run("materialize", lock, "--prefix", prefix, *options, env=env).code

    assert run(CONDA_OVERRIDE_CUDA="11.8") == 5
    assert run("--override-virtual", "__cuda=11.8", CONDA_OVERRIDE_CUDA="12.1") == 5
    with pytest.raises(NodeUnfitError, match="a wants __cuda 12"):
        materialize(lock, root=lab.root, prefix=prefix, override_virtual={"__cuda": "13.0"})
    with pytest.raises(ValueError, match="has no version"):
        materialize(lock, root=lab.root, prefix=prefix, override_virtual={"__cuda": "?"})
    assert run("--override-virtual", "__cuda=12.4", CONDA_OVERRIDE_CUDA="11.8") == 0
    # It stands, and is taken as it stands.
    assert run("--override-virtual", "__cuda=") == 0
    assert materialize(lock, root=lab.root, prefix=prefix).reused


def test_a_constraint_is_no_want(lab: Lab) -> None:
    """What a package constrains may be absent; where it is there, it must fit."""
    lock = lock_of(lab, "__cuda >=12", optional=True)
    assert "a wants __cuda >=12" in lab.refuse(lock, 5, "--override-virtual", "__cuda=11.8")
    lab.materialize(lock, "--override-virtual", "__cuda=")


def test_a_processor_is_asked_for_by_its_name(lab: Lab) -> None:
    """As in conda: what runs on it as well is told, and is taken where the user says so."""
    lock = lock_of(lab, "__archspec 1 x86_64_v3")
    said = lab.refuse(lock, 5, "--override-virtual", "__archspec=sandybridge")
    assert "a wants __archspec 1 x86_64_v3, this node has __archspec 1 sandybridge\n" in said
    said = lab.refuse(lock, 5, "--override-virtual", "__archspec=zen4")
    assert "this node has __archspec 1 zen4 (which runs what is made for x86_64_v3" in said
    assert "--override-virtual __archspec=x86_64_v3)" in said
    lab.materialize(lock, "--override-virtual", "__archspec=x86_64_v3")


def test_a_choice_of_processors(lab: Lab) -> None:
    """As conda-forge has it for the levels that compilers count by."""
    lock = lock_of(lab, "__archspec[version='1.*', build='^(x86_64_v3|haswell|zen3|zen4)$']")
    lab.refuse(lock, 5, "--override-virtual", "__archspec=sandybridge")
    lab.materialize(lock, "--override-virtual", "__archspec=zen4")


def test_what_can_not_be_understood_is_told(lab: Lab) -> None:
    """A regular expression, as conda has them: no package of a channel uses one here."""
    lock = lock_of(lab, "__cuda ^1[23].*$")
    done = lab.run("materialize", lock, "--prefix", lab.prefix("env"))
    assert done.code == 0
    assert 'warning: whether this node has "__cuda ^1[23].*$", which a wants, was not checked' in done.err


def test_a_lock_for_another_processor(lab: Lab) -> None:
    """Although no interpreter of the node is asked for."""
    lock = lock_of(lab)
    lock.write_text(restate(lock.read_text().replace('"x86_64"', '"aarch64"')))
    assert "the lock is for linux aarch64" in lab.refuse(lock, 5)
    lock.write_text(restate(lock.read_text().replace('arch = "aarch64"', 'arch = "x86_64"\nglibc = "2.999"')))
    assert "the lock needs glibc 2.999 or newer, this node has 2." in lab.refuse(lock, 5)


def test_probe_says_what_there_is(lab: Lab) -> None:
    found = node(lab, "--override-virtual", "__cuda=12.4")
    names = {row["name"]: (row["version"], row["build"]) for row in found["virtual"]}
    assert names["__unix"] == ("0", "0")
    assert names["__cuda"] == ("12.4", "0")
    assert names["__glibc"] == (found["glibc"], "0")
    assert names["__archspec"] == ("1", found["microarchitecture"])
    assert os.uname().release.startswith(names["__linux"][0])
    assert (found["kernel"], found["root"]) == (os.uname().release, str(lab.root))
    table = lab.run("probe", "--root", lab.root)
    lines = dict(line.split(maxsplit=1) for line in table.out.splitlines() if not line.startswith(" "))
    assert (lines["glibc"], lines["store"]) == (found["glibc"], str(lab.root))


def test_the_driver_is_asked(lab: Lab) -> None:
    """By its library, which a test can replace where there is a compiler; else by nvidia-smi."""
    tool = lab.folder / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho '<nvidia_smi_log><cuda_version>12.2</cuda_version></nvidia_smi_log>'\n")
    tool.chmod(0o755)
    path = f"{tool.parent}:/usr/bin:/bin"
    assert node(lab, PATH=path)["cuda"] in ("12.2", node(lab)["cuda"])
    tool.write_text("#!/bin/sh\necho '<cuda_version>Not Found</cuda_version>'\n")
    assert node(lab, PATH=path)["cuda"] == node(lab)["cuda"]


@pytest.mark.parametrize(
    ("init", "expected"), [("return 0", "12.4"), ("return 100", None), ("__builtin_trap(); return 0", None)]
)
def test_the_drivers_library(lab: Lab, init: str, expected: str | None) -> None:
    """Without a GPU it says so, and one that crashes takes nobody with it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, library = lab.folder / "cuda.c", lab.folder / "libcuda.so.1"
    source.write_text(
        f"int cuInit(unsigned f) {{ {init}; }}\nint cuDriverGetVersion(int *v) {{ *v = 12040; return 0; }}\n"
    )
    subprocess.run([compiler, "-shared", "-o", library, source], check=True)
    found = node(lab, LD_LIBRARY_PATH=str(lab.folder), CUDA_VISIBLE_DEVICES="", PATH="/nowhere")
    assert found["cuda"] == expected
