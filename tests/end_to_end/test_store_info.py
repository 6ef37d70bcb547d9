"""store info: what the store holds, each file counted once."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import pytest
from tests.lab.lab import Lab
from tests.lab.mounts import need_root

BIG = bytes(range(256)) * 4000  # 1 MB


def told(lab: Lab, *arguments: object) -> list[dict[str, Any]]:
    done = lab.run("store", *arguments, "--json")
    assert (done.code, done.err) == (0, ""), done
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["event"] for row in rows].count("done") == 1
    assert rows[-1]["event"] == "done"
    return rows


def test_a_store_that_is_not_there_is_empty_and_is_not_made(lab: Lab) -> None:
    (done,) = told(lab, "info")
    assert done["bytes"] == 0
    assert done["artifacts"] == {"count": 0, "bytes": 0}
    assert not lab.root.exists()


@pytest.mark.parametrize("verb", ["gc", "verify"])
def test_a_folder_without_a_store_is_not_made_one(lab: Lab, verb: str) -> None:
    (lab.folder / "project").mkdir()
    done = lab.run("store", verb, "--root", lab.folder / "project")
    assert done.code == 0, done
    assert f"there is no store at {lab.folder}/project" in done.err
    assert not any((lab.folder / "project").iterdir())


def test_a_file_with_many_names_is_counted_once(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one", files={"one.bin": BIG}))
    own = lab.materialize(lock, prefix=None)
    lab.materialize(lock, prefix="elsewhere")
    first, second, done = told(lab, "info")
    assert (first["prefix"], first["in_store"]) == (str(own), True)
    assert (second["prefix"], second["in_store"]) == (str(lab.prefix("elsewhere")), False)
    assert first["env_id"] == second["env_id"] == lab.run("env-id", lock).out.strip()
    assert abs(first["last_use"] - time.time()) < 600
    assert done["artifacts"]["count"] == done["envs"]["count"] == 1
    assert done["artifacts"]["bytes"] >= len(BIG)
    assert first["bytes"] < len(BIG) <= done["bytes"] < 2 * len(BIG)


def test_a_local_artifact_and_a_part_are_told(lab: Lab) -> None:
    wheel = lab.wheel("one", files={"one.bin": BIG})
    lab.materialize(lab.lock(lab.row(wheel, url=None, path=wheel.relative_to(lab.folder).as_posix())))
    (lab.store / "tmp" / ("0" * 64 + ".part")).write_bytes(BIG)
    done = told(lab, "info")[-1]
    assert done["archives"]["count"] == done["parts"]["count"] == 1
    assert done["parts"]["bytes"] >= len(BIG)


def test_an_environment_in_use_is_told(lab: Lab) -> None:
    lock = lab.lock(lab.wheel("one"))
    lab.materialize(lock, prefix=None)
    assert told(lab, "info")[0]["in_use"] is False
    process = subprocess.Popen(
        lab.command("exec", lock, "--", "sh", "-c", "echo; read x"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=lab.environ,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert told(lab, "info")[0]["in_use"] is True
    process.communicate(b"\n")
    assert told(lab, "info")[0]["in_use"] is False


def test_for_people(lab: Lab) -> None:
    prefix = lab.materialize(lab.lock(lab.wheel("one")), prefix=None)
    lines = lab.run("store", "info", code=0).out.splitlines()
    assert lines[0] == str(lab.root)
    assert lines[-1].endswith(f"{prefix}")
    assert "today" in lines[-1]


@pytest.mark.root
@pytest.mark.parametrize("verb", ["info", "gc", "verify", "materialize"])
def test_a_root_of_another_user_is_refused(lab: Lab, verb: str) -> None:
    """It would get files that its owner can't remove; what it has is not trusted either."""
    need_root()
    lock = lab.lock(lab.wheel("one"))
    lab.materialize(lock)
    os.chown(lab.root, 12345, 12345)
    before = sorted(lab.root.rglob("*"))
    command = ["materialize", lock] if verb == "materialize" else ["store", verb]
    done = lab.run(*command)
    assert (done.code, done.out) == (5, "")
    assert str(lab.root) in done.err
    assert "another user" in done.err
    assert sorted(lab.root.rglob("*")) == before
