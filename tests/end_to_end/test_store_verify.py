"""store verify: rot is found, named and healed, in new inodes, and what linked it is made again."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.lab.index_server import Fault
from tests.lab.lab import Lab, snapshot
from tests.lab.records import record_faults, site_packages
from tests.lab.trees import differences

MAKES_BYTE_CODE = {"FASTENV_NO_COMPILE": ""}


def told(lab: Lab, *options: object, code: int = 1) -> list[dict[str, Any]]:
    done = lab.run("store", "verify", "--json", *options)
    assert (done.code, done.err) == (code, ""), done
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert rows[-1]["event"] == "done"
    return rows


def found(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["kind"], row["path"]) for row in rows if row["event"] == "finding"]


def cures(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["of"], row["cure"]) for row in rows if row["event"] == "healed"]


def flipped(path: Path) -> None:
    """One bit, in place, as rot does: size and time stay."""
    meta = path.stat()
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    with path.open("r+b") as stream:
        stream.write(content)
    path.chmod(meta.st_mode & 0o777)
    os.utime(path, ns=(meta.st_atime_ns, meta.st_mtime_ns))


@pytest.fixture
def wheel(lab: Lab) -> Path:
    return lab.wheel("one", files={"one.py": "x = 1\n", "sub/two.py": "y = 2\n"})


def artifact(lab: Lab) -> Path:
    (folder,) = (lab.store / "artifacts").iterdir()
    return folder


def test_a_good_store_is_good(lab: Lab, wheel: Path) -> None:
    lab.materialize(lab.lock(wheel), "--compile", prefix=None)
    before = snapshot(lab.store / "artifacts")
    rows = told(lab, code=0)
    assert len(rows) == 1
    assert rows[0]["wrong"] == 0
    assert rows[0]["looked_at"] == 3, "an artifact, its byte code, and a lock"
    assert snapshot(lab.store / "artifacts") == before


def test_a_flipped_bit_is_named_and_healed(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock)
    path = artifact(lab) / "tree/site/one.py"
    flipped(path)
    inode = path.stat().st_ino
    rows = told(lab)
    assert found(rows) == [("content", "tree/site/one.py")]
    assert rows[0]["package"] == "one 1.0"
    assert cures(rows) == [("artifact", "restored")]
    assert path.stat().st_ino != inode
    assert told(lab, code=0)
    assert lab.residue() == []
    assert (site_packages(prefix) / "one.py").read_text() != "x = 1\n", "not changed under who runs in it"


@pytest.mark.parametrize("verb", ["materialize", "exec the lock", "exec the prefix"])
@pytest.mark.parametrize("own", [True, False])
def test_environments_that_link_the_old_one_are_made_again(
    lab: Lab, wheel: Path, verb: str, own: bool
) -> None:
    lock = lab.lock(wheel, lab.wheel("other"))
    prefix = lab.materialize(lock, prefix=None if own else "env")
    unhurt = lab.materialize(lab.lock(lab.wheel("third"), name="pylock.third.toml"), prefix="unhurt")
    inode = unhurt.stat().st_ino
    (path,) = (lab.store / "artifacts").glob("*/tree/site/one.py")
    flipped(path)
    told(lab)
    where = [] if own else ["--prefix", prefix]
    if verb == "materialize" or (verb == "exec the lock" and not own):
        assert lab.run("materialize", lock, *where).code == 0
    else:
        name = lock if verb == "exec the lock" else prefix
        done = lab.run("exec", name, "--", "python", "-c", "import one; print(one.x)")
        assert (done.code, done.out, done.err) == (0, "1\n", "")
    assert lab.run("verify", prefix, "--full").code == 0
    assert differences(prefix, lab.reference(wheel, lab.folder / "wheels/other-1.0-py3-none-any.whl")) == []
    assert record_faults(prefix) == []
    assert [path for path in prefix.parent.iterdir() if "changed" in path.name] == []
    assert lab.run("exec", unhurt, "--", "true").code == 0
    assert unhurt.stat().st_ino == inode, "it has nothing of what was wrong"


def test_an_edit_through_a_hard_link_is_healed(lab: Lab, wheel: Path) -> None:
    """verify names it and changes nothing; store verify heals the store; the environment is made again."""
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock)
    path = site_packages(prefix) / "one.py"
    path.chmod(0o644)
    path.write_text("x = 7\n")
    done = lab.run("verify", prefix, "--full")
    assert done.code == 1
    assert "one.py" in done.out
    assert path.read_text() == "x = 7\n"
    assert cures(told(lab)) == [("artifact", "restored")]
    other = lab.materialize(lock, prefix="other")
    assert (site_packages(other) / "one.py").read_text() == "x = 1\n"
    assert lab.run("exec", prefix, "--", "python", "-c", "import one; print(one.x)").out == "1\n"


@pytest.mark.parametrize(
    ("deed", "finding"),
    [
        (lambda tree: (tree / "one.py").chmod(0o644), ("mode", "tree/site/one.py")),
        (lambda tree: os.utime(tree / "one.py", (1, 1)), ("time", "tree/site/one.py")),
        (lambda tree: (tree / "more.py").write_text("z"), ("unexpected", "tree/site/more.py")),
        (lambda tree: (tree / "more").mkdir(), ("unexpected", "tree/site/more")),
    ],
    ids=["mode", "time", "file", "folder"],
)
def test_what_is_wrong_beside_the_bytes_is_put_right_in_place(
    lab: Lab, wheel: Path, deed: Any, finding: tuple[str, str]
) -> None:
    prefix = lab.materialize(lab.lock(wheel), prefix=None)
    before = snapshot(artifact(lab) / "tree/site/one.py")
    deed(artifact(lab) / "tree/site")
    rows = told(lab)
    assert found(rows) == [finding]
    assert cures(rows) == [("artifact", "repaired")]
    assert snapshot(artifact(lab) / "tree/site/one.py") == before
    told(lab, code=0)
    inode = prefix.stat().st_ino
    assert lab.run("exec", prefix, "--", "true").code == 0
    assert prefix.stat().st_ino == inode


def test_a_file_that_is_missing_or_cut_is_healed(lab: Lab, wheel: Path) -> None:
    prefix = lab.materialize(lab.lock(wheel), prefix=None)
    (artifact(lab) / "tree/site/one.py").unlink()
    os.truncate(artifact(lab) / "tree/site/sub/two.py", 2)
    rows = told(lab)
    assert found(rows) == [("missing", "tree/site/one.py"), ("size", "tree/site/sub/two.py")]
    assert cures(rows) == [("artifact", "restored")]
    done = lab.run("exec", prefix, "--", "python", "-c", "import one, sub.two; print(sub.two.y)")
    assert (done.code, done.out) == (0, "2\n"), done


def test_a_damaged_index_is_mended_from_an_environments_copy(lab: Lab, wheel: Path) -> None:
    """Without the network. Copies have an index of their own."""
    lab.materialize(lab.lock(wheel), prefix=None)
    index = artifact(lab) / "index"
    content = index.read_bytes()
    index.unlink()
    index.write_bytes(content[:100])
    for copy in lab.store.glob("envs/*/.fastenv/index/*"):
        assert copy.read_bytes() == content
    lab.index.requests.clear()
    rows = told(lab)
    assert (found(rows), cures(rows)) == ([("record", "index")], [("artifact", "repaired")])
    assert index.read_bytes() == content
    assert lab.index.requests == []


def test_a_local_artifact_is_healed_from_its_archive(lab: Lab, wheel: Path) -> None:
    row = lab.row(wheel, url=None, path=wheel.relative_to(lab.folder).as_posix())
    lab.materialize(lab.lock(row), prefix=None)
    wheel.unlink()
    flipped(artifact(lab) / "tree/site/one.py")
    assert cures(told(lab)) == [("artifact", "restored")]
    told(lab, code=0)


def test_what_can_not_be_got_again_is_dropped_and_said(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, prefix=None)
    flipped(artifact(lab) / "tree/site/one.py")
    lab.index.fault(wheel.name, Fault(status=404))
    rows = told(lab)
    assert cures(rows) == [("artifact", "dropped")]
    assert "404" in rows[-2]["why"]
    assert list((lab.store / "artifacts").iterdir()) == []
    assert lab.run("exec", prefix, "--", "true").code == 125, "it fails closed"
    lab.index.heal()
    assert lab.run("exec", prefix, "--", "python", "-c", "import one; print(one.x)").out == "1\n"


def test_only_looking_changes_nothing(lab: Lab, wheel: Path) -> None:
    lab.materialize(lab.lock(wheel), prefix=None)
    flipped(artifact(lab) / "tree/site/one.py")
    before = snapshot(lab.store)
    rows = told(lab, "--no-heal")
    assert cures(rows) == [("artifact", "left")]
    assert snapshot(lab.store) == before


def test_byte_code_that_is_wrong_is_dropped_and_made_again(lab: Lab, wheel: Path) -> None:
    lock = lab.lock(wheel)
    prefix = lab.materialize(lock, "--compile", prefix=None)
    (path,) = (lab.store / "bytecode").glob("*/tree/site/__pycache__/one.*.pyc")
    flipped(path)
    rows = told(lab)
    assert cures(rows) == [("bytecode", "dropped")]
    assert lab.materialize(lock, "--compile", prefix=None) == prefix
    told(lab, code=0)
    (path,) = prefix.glob("lib/*/site-packages/__pycache__/one.*.pyc")
    (stored,) = (lab.store / "bytecode").glob("*/tree/site/__pycache__/one.*.pyc")
    assert path.read_bytes() == stored.read_bytes()
    assert lab.run("exec", prefix, "--", "python", "-c", "import one; print(one.x)").out == "1\n"


def test_archives_and_locks_are_looked_at(lab: Lab, wheel: Path) -> None:
    row = lab.row(wheel, url=None, path=wheel.relative_to(lab.folder).as_posix())
    lab.materialize(lab.lock(row), prefix=None)
    (kept,) = (lab.store / "locks").iterdir()
    (archive,) = (lab.store / "archives").glob("*/*")
    text = kept.read_text()
    kept.write_text(text[:-40])
    flipped(archive)
    rows = told(lab)
    assert cures(rows) == [("lock", "restored"), ("archive", "dropped")]
    assert kept.read_text() == text
    assert not archive.exists()


def test_beside_runs_that_link(lab: Lab, wheel: Path) -> None:
    """An artifact may go while it is linked: the plan is made again."""
    lock = lab.lock(wheel)
    lab.materialize(lock, prefix="first")
    for turn in range(6):
        flipped(artifact(lab) / "tree/site/one.py")
        runs = [lab.start("store", "verify")]
        runs += [lab.start("materialize", lock, "--prefix", lab.prefix(f"{turn}-{n}")) for n in range(3)]
        ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
        assert [code for _, code in ends] == [1, 0, 0, 0], ends
        for n in range(3):
            done = lab.run(
                "exec", lab.prefix(f"{turn}-{n}"), "--", "python", "-c", "import one; print(one.x)"
            )
            assert (done.code, done.out) == (0, "1\n"), done
    assert lab.residue() == []


def test_for_people(lab: Lab, wheel: Path) -> None:
    lab.materialize(lab.lock(wheel), prefix=None)
    done = lab.run("store", "verify", code=0)
    assert done.out == ""
    assert "as they were" in done.err
    flipped(artifact(lab) / "tree/site/one.py")
    lines = lab.run("store", "verify", code=1).out.splitlines()
    assert len(lines) == 2
    assert "(one 1.0): restored" in lines[0]
    assert lines[1] == "  content: tree/site/one.py"


def test_ctrl_c_leaves_a_good_store(lab: Lab) -> None:
    import signal

    wheels = [lab.wheel(f"w{n}", files={f"w{n}.bin": os.urandom(3_000_000)}) for n in range(4)]
    lab.materialize(lab.lock(*wheels), prefix=None)
    for path in (lab.store / "artifacts").glob("*/tree/site/*.bin"):
        flipped(path)
    lab.index.options.bytes_per_s = 3_000_000
    process = lab.start("store", "verify")
    try:
        process.wait(timeout=1.5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (1, 130)
    lab.index.options.bytes_per_s = None
    lab.run("store", "verify")
    told(lab, code=0)
    assert lab.residue() == []
