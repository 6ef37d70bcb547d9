"""What we make is at home with conda: it lists what the lock says, and takes nothing away."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.lab.conda_data import environment, needs_conda_data
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import Content, File, make_package
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


HERE = "/opt/" + "_placehold" * 25
TEXTS = {
    "script": f"#!{HERE}/bin/python3.11 -E\nhome = '{HERE}'\n",
    "twice": f"#!{HERE}/bin/perl\n#!{HERE}/bin/perl\n",
    "by env": f"#!/usr/bin/env {HERE}/bin/sh\n{HERE}\n",
    "one line": f"#!{HERE}/bin/sh",
    "blanks": f"#!  {HERE}/bin/sh\n",
    "plain": f"a={HERE}:{HERE}/lib\n",
}
STRINGS = {
    "string": f"\0{HERE}/lib\0x\0".encode(),
    "several": f"{HERE}:{HERE}/x\0{HERE}\0".encode(),
    "without an end": f"x\0{HERE}/x".encode(),
    "wide": b"a\0" + f"{HERE}/x".encode("utf-16-le") + b"\0\0\0\0",
}
UPDATE = """
import json, sys
from conda.core.portability import update_prefix
from conda.models.enums import FileMode
for path, mode in json.loads(sys.argv[1]):
    update_prefix(path, sys.argv[2], sys.argv[3], FileMode(mode))
"""


@pytest.mark.parametrize("name", ["e", "x" * 120, "with a blank"])
def test_a_prefix_is_put_where_conda_puts_it(lab: Lab, conda: CondaProgram, name: str) -> None:
    """py-rattler writes other first lines where one is too long or has a blank, and looks for no wide strings."""
    files = {f"share/{it}": File(text.encode(), 0o755, HERE, "text") for it, text in TEXTS.items()}
    files |= {f"share/{it}": File(data, 0o755, HERE, "binary") for it, data in STRINGS.items()}
    archive = make_package(lab.folder / "channel", "rewritten", files=dict(files))
    prefix = lab.materialize(conda_lock([archive_at(archive)], lab.folder), prefix=name)
    theirs = lab.folder / "theirs"
    (theirs / "share").mkdir(parents=True)
    for path, file in files.items():
        (theirs / path).write_bytes(file.data)
    request = json.dumps([(str(theirs / path), file.rewriting) for path, file in files.items()])
    conda.runs("-c", UPDATE, request, str(prefix), HERE)
    assert {path: (prefix / path).read_bytes() for path in files} == {
        path: (theirs / path).read_bytes() for path in files
    }


def test_variables_pins_and_mark(lab: Lab, conda: CondaProgram) -> None:
    """What conda reads of them, and what it would set: `exec` sets the same, each once over what is there."""
    first = {"A": "a", "BOTH": "a", "STATE": "a", "dropped": "a", "NUMBER": 3}
    files: dict[str, Content] = {
        "etc/conda/env_vars.d/1.json": json.dumps(first),
        "etc/conda/env_vars.d/2.json": json.dumps({"BOTH": "b", "STATE": "b", "PATH": "/no"}),
    }
    archive = make_package(lab.folder / "channel", "thing", files=files)
    settings = """
[tool.fastenv.variables]
STATE = "state"
lower = "schön"
dropped = "***unset***"

[tool.fastenv.conda-meta]
pinned = ["zlib 1.3.*", "thing"]
frozen = '{"message": "leave it alone"}'
"""
    prefix = lab.materialize(conda_lock([archive_at(archive)], lab.folder, more=settings))
    listed = conda.tells("env", "config", "vars", "list", "-p", prefix)
    assert listed == {"STATE": "state", "lower": "schön"}
    code = f"""
import json
from conda.core.prefix_data import PrefixData
data = PrefixData({str(prefix)!r})
try:
    data.assert_not_frozen()
except Exception as said:
    print(json.dumps([[str(spec) for spec in data.get_pinned_specs()], "leave it alone" in str(said)]))
"""
    assert json.loads(conda.runs("-c", code)) == [["zlib=1.3", "thing"], True]
    sets = json.loads(conda.runs("-m", "conda", "shell.posix+json", "activate", str(prefix)))["vars"][
        "export"
    ]
    own = {name: value for name, value in sets.items() if not name.startswith(("CONDA", "_C"))}
    shown = lab.run("exec", prefix, "--", "sh", "-c", "env -0 | tr '\\0' '\\n'").out
    found = dict(line.split("=", 1) for line in shown.splitlines())
    assert own.keys() == {"A", "BOTH", "STATE", "NUMBER", "LOWER"}
    assert {name: found[name] for name in own} == {name: str(value) for name, value in own.items()}
    assert "DROPPED" not in found
