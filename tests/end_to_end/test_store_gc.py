"""store gc: what nobody used for long, and what nothing needs, goes; nothing else does."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.lab.lab import Lab
from tests.lab.records import record_faults
from tests.lab.trees import differences

BIG = bytes(range(256)) * 4000  # 1 MB
DAY = 86400


def gc(lab: Lab, *options: object, **how: Any) -> list[dict[str, Any]]:
    done = lab.run("store", "gc", "--json", *options, **how)
    assert (done.code, done.err) == (0, ""), done
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert rows[-1]["event"] == "done"
    return rows


def removed(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["kind"] for row in rows if row["event"] == "removed")


def aged(path: Path, days: float) -> None:
    when = time.time() - days * DAY
    os.utime(path, (when, when))


def unused(prefix: Path, days: float) -> None:
    aged(prefix / ".fastenv/use", days)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def shared(lab: Lab) -> Path:
    return lab.wheel("shared", files={"shared.py": "x = 1\n"})


def test_what_was_not_used_for_long_goes_and_what_others_need_stays(lab: Lab, shared: Path) -> None:
    old = lab.lock(lab.wheel("old", files={"old.bin": BIG}), shared, name="pylock.old.toml")
    new = lab.lock(lab.wheel("new", files={"new.bin": BIG}), shared, name="pylock.new.toml")
    gone, stays = lab.materialize(old, prefix=None), lab.materialize(new, prefix=None)
    unused(gone, 31)
    unused(stays, 29)
    rows = gc(lab)
    assert removed(rows) == ["artifact", "env", "lock"]
    assert not gone.exists()
    assert record_faults(stays) == []
    assert lab.run("verify", stays, "--full").code == 0
    assert len(names(lab.store / "artifacts")) == 2
    assert len(names(lab.store / "locks")) == 1
    assert rows[-1]["bytes_before"] - rows[-1]["bytes_after"] >= len(BIG)
    assert lab.residue() == []
    assert lab.run("exec", old, "--", "true").code == 0, "it is made again"
    assert removed(gc(lab)) == []


def test_a_dry_run_changes_nothing_and_tells_the_same(lab: Lab, shared: Path) -> None:
    wheel = lab.wheel("old", files={"old.bin": BIG})
    prefix = lab.materialize(lab.lock(wheel, shared), prefix=None)
    unused(prefix, 31)
    foretold = gc(lab, "--dry-run")
    said = lab.run("store", "gc", "--dry-run")
    assert re.search(r"(?m)^would remove artifact [0-9a-f]{12} old 1\.0 \(1\.\d MB\)$", said.out), said
    assert re.match(r"would remove 1 env, 2 artifacts, 1 lock: [\d.]+ MB before, ", said.err), said
    assert prefix.exists()
    rows = gc(lab)
    told = [(row["kind"], row["name"]) for row in foretold if row["event"] == "removed"]
    assert sorted(told) == sorted((row["kind"], row["name"]) for row in rows if row["event"] == "removed")
    packages = sorted(row["package"] for row in foretold if row["event"] == "removed" and row["package"])
    assert packages == ["old 1.0", "shared 1.0"]
    assert abs(foretold[-1]["bytes_after"] - rows[-1]["bytes_after"]) < 100_000
    assert not prefix.exists()
    assert names(lab.store / "artifacts") == []


def test_down_to_a_size(lab: Lab) -> None:
    prefixes = []
    for number, name in enumerate(["oldest", "older", "newest"]):
        lock = lab.lock(lab.wheel(name, files={f"{name}.bin": BIG}), name=f"pylock.{name}.toml")
        prefixes.append(lab.materialize(lock, prefix=None))
        unused(prefixes[-1], 10 - number)
    assert removed(gc(lab, "--max-size", "1TiB")) == []
    rows = gc(lab, "--max-size", "1.5MB")
    assert [prefix.exists() for prefix in prefixes] == [False, False, True]
    assert rows[-1]["bytes_after"] <= 1_500_000
    assert len(names(lab.store / "artifacts")) == 1


def test_an_environment_elsewhere_stays_with_what_it_is_made_of(lab: Lab, shared: Path) -> None:
    """Hard links or copies: it can be made again without the network."""
    linked = lab.lock(lab.wheel("linked"), name="pylock.linked.toml")
    copied = lab.lock(shared, name="pylock.copied.toml")
    one = lab.materialize(linked, prefix="one")
    two = lab.materialize(copied, "--link-mode", "copy", prefix="two")
    unused(one, 400)
    unused(two, 400)
    assert removed(gc(lab, "--max-size", "0")) == []
    lab.index.requests.clear()
    for lock, prefix in ((linked, one), (copied, two)):
        prefix.rename(prefix.with_name(prefix.name + "-moved"))
        lab.materialize(lock, prefix=prefix.name)
    assert lab.index.requests == []


def test_an_unknown_link_keeps_an_artifact(lab: Lab, shared: Path) -> None:
    """Even if nobody noted the environment."""
    lab.materialize(lab.lock(shared), prefix="one")
    for note in (lab.store / "prefixes").iterdir():
        note.unlink()
    assert removed(gc(lab, "--max-size", "0")) == []
    assert len(names(lab.store / "artifacts")) == 1


def test_an_environment_that_its_user_removed_keeps_nothing(lab: Lab, shared: Path) -> None:
    prefix = lab.materialize(lab.lock(shared), prefix="one")
    subprocess.run(["rm", "-rf", prefix], check=True)
    (note,) = (lab.store / "prefixes").iterdir()
    assert removed(gc(lab)) == ["artifact"], "the note stays: the disk may only be away"
    aged(note, 31)
    (lock,) = (lab.store / "locks").iterdir()
    aged(lock, 31)
    assert removed(gc(lab)) == ["note"]
    assert removed(gc(lab)) == ["lock"]


def test_archives_of_a_remaining_lock_stay(lab: Lab) -> None:
    """No index gives them again."""
    wheel = lab.wheel("local", files={"local.py": "x = 1\n"})
    row = lab.row(wheel, url=None, path=wheel.relative_to(lab.folder).as_posix())
    prefix = lab.materialize(lab.lock(row), prefix=None)
    assert removed(gc(lab)) == []
    assert len(names(lab.store / "archives")) == 1
    unused(prefix, 31)
    assert removed(gc(lab)) == ["archive", "artifact", "env", "lock"]
    assert names(lab.store / "archives") == []


@pytest.mark.parametrize("how", ["lock", "prefix"])
def test_an_environment_that_somebody_runs_in_stays(lab: Lab, shared: Path, how: str) -> None:
    lock = lab.lock(shared)
    prefix = lab.materialize(lock, prefix=None)
    command = lab.command("exec", lock if how == "lock" else prefix, "--", "sh", "-c", "echo; read x")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=lab.environ)
    assert process.stdout is not None
    process.stdout.readline()
    unused(prefix, 400)
    rows = gc(lab, "--max-size", "0")
    assert removed(rows) == []
    assert [row["prefix"] for row in rows if row["event"] == "kept"] == [str(prefix)]
    assert "in use" in lab.run("store", "gc").out
    process.communicate(b"\n")
    assert removed(gc(lab)) == ["artifact", "env", "lock"]


def test_an_environment_that_somebody_makes_stays(lab: Lab, shared: Path) -> None:
    """The lock of its prefix is held, here by the test."""
    prefix = lab.materialize(lab.lock(shared), prefix=None)
    unused(prefix, 31)
    name = hashlib.sha256(str(prefix).encode()).hexdigest()[:16]
    with (lab.store / "flocks" / f"prefix-{name}").open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert removed(gc(lab)) == []
    assert prefix.exists()


def test_leftovers_go_after_a_day(lab: Lab, shared: Path) -> None:
    lab.materialize(lab.lock(shared), prefix=None)
    tmp, flocks = lab.store / "tmp", lab.store / "flocks"
    for name in ("0" * 64 + ".part", "1" * 64 + ".part"):
        (tmp / name).write_bytes(BIG)
    (flocks / ("2" * 64)).touch()
    aged(tmp / ("0" * 64 + ".part"), 1.1)
    aged(flocks / ("2" * 64), 1.1)
    (tmp / "run.1.0").mkdir()
    assert removed(gc(lab)) == ["part"]
    assert names(tmp) == ["1" * 64 + ".part"]
    assert "2" * 64 not in names(flocks)
    assert "store" in names(flocks)


def files(number: int) -> dict[str, str]:
    return {f"w{number}/m{at}.py": f"x = {at}\n" for at in range(50)}


def test_runs_at_work_are_not_disturbed(lab: Lab, shared: Path) -> None:
    """gc again and again, with nothing to be kept, beside runs that make environments and run in them."""
    locks = [lab.lock(lab.wheel(f"w{n}", files=files(n)), shared, name=f"pylock.{n}.toml") for n in range(3)]
    over = threading.Event()
    collected = []

    def collect() -> None:
        while not over.is_set():
            collected.append(lab.run("store", "gc", "--keep-days", "0", "--max-size", "0"))

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        for turn in range(4):
            runs = [
                lab.start("exec", lock, "--", "python", "-c", f"import w{n}.m7, shared; print(shared.x)")
                for n, lock in enumerate(locks)
            ]
            outs = [(run.communicate(timeout=120), run.returncode) for run in runs]
            assert outs == [(("1\n", ""), 0)] * len(runs), turn
    finally:
        over.set()
        collector.join()
    assert {done.code for done in collected} == {0}, collected
    prefix = lab.materialize(locks[0], prefix="after")
    assert record_faults(prefix) == []
    assert differences(prefix, lab.materialize(locks[0], prefix=None)) == []
    assert lab.residue() == []


@pytest.mark.parametrize("size", ["20XB", "-1", "", "GB"])
def test_a_size_that_is_none_is_a_usage_error(lab: Lab, size: str) -> None:
    done = lab.run("store", "gc", f"--max-size={size}")
    assert (done.code, done.out) == (2, "")
    assert not lab.root.exists()
