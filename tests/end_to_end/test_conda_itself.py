"""What we make is at home with conda: it lists what the lock says, and takes nothing away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.lab.conda_data import environment, needs_conda_data
from tests.lab.conda_locks import conda_lock
from tests.lab.conda_program import CondaProgram
from tests.lab.lab import Lab

from fastenv.lock import Lock

pytestmark = [pytest.mark.shared, pytest.mark.slow, needs_conda_data()]


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> CondaProgram:
    return CondaProgram(tmp_path_factory.mktemp("conda"))


def test_conda_lists_what_is_locked(lab: Lab, conda: CondaProgram) -> None:
    lock = conda_lock(environment("py36-web"), lab.folder, ["python", "flask"])
    made = lab.materialize(lock)
    prefix = lab.prefix("copy")
    subprocess.run(["cp", "-a", made, prefix], check=True)
    listed = conda.tells("list", "-p", prefix)
    rows = {(row["name"], row["version"], row["build_string"], row["platform"]) for row in listed}
    locked = Lock.read(lock).conda
    assert rows == {(it.name, it.version, it.build, it.subdir) for it in locked}
    assert {row["build_number"] for row in listed} <= {it.build_number for it in locked}
    explicit = conda.says("list", "-p", prefix, "--explicit", "--sha256").splitlines()
    assert {line.partition("#")[2] for line in explicit if "://" in line} == {it.sha256 for it in locked}
    (revision,) = conda.tells("list", "-p", prefix, "--revisions")
    assert len(revision["install"]) == len(locked)
    code = f"from conda.history import History; print(*History({str(prefix)!r}).get_requested_specs_map())"
    assert conda.runs("-c", code).split() == ["flask", "python"]
    assert records(prefix) == records(made)


def records(prefix: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (prefix / "conda-meta").iterdir()}
