"""diff, why and lock --check, by their command line: what has changed since, and why something is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.lab.lab import Lab


@pytest.fixture
def original(lab: Lab) -> Path:
    """An environment of app > lib, and its lock."""
    app = lab.wheel("app", requires=["lib>=2"])
    made = lab.original(app, lab.wheel("lib", "2.1"))
    assert lab.cli("lock", "--prefix", made).code == 0
    return made


WRONG = [
    ("diff pylock.fastenv.toml", 2, "Missing argument"),
    ("diff /nonexistent pylock.fastenv.toml", 3, "/nonexistent is not there"),
    ("why nothing --prefix envs/original", 3, "there is no nothing"),
    ("why app --prefix envs/original --inventory x", 2, "give one of"),
    ("why app --prefix envs/original --lock x", 6, "the lock x cannot be read"),
    ("lock --check -o absent --prefix envs/original", 6, "the lock absent cannot be read"),
]


def test_wrong_usage(lab: Lab, original: Path) -> None:
    for words, code, said in WRONG:
        done = lab.cli(*words.split())
        assert (done.code, done.out) == (code, ""), words
        assert said in done.err, words
        assert "Traceback" not in done.err


def test_an_environment_its_inventory_its_lock_and_its_id(lab: Lab, original: Path) -> None:
    """Any two of the four, before and after a package was replaced."""
    lock, inventory = lab.folder / "pylock.fastenv.toml", lab.folder / "inventory.json"
    lab.cli("scan", "--prefix", original, "-o", inventory)
    lab.materialize(lock, prefix=None)
    identity = lab.cli("env-id", lock).out.strip()
    for side in (original, inventory, lock, identity[:12]):
        done = lab.cli("diff", side, lock)
        assert (done.code, done.out) == (0, ""), done
    lab._install(original, "--default-index", lab.index.url, lab.wheel("lib", "2.2"))
    done = lab.cli("diff", identity[:16], original)
    assert done.code == 1
    assert [line.split() for line in done.out.splitlines() if "2.1" in line] == [
        ["lib", "version", "2.1", "2.2"]
    ]
    assert done.err == "1 difference\n"
    rows = [json.loads(line) for line in lab.cli("diff", inventory, original, "--json").out.splitlines()]
    assert (rows[0]["event"], rows[0]["name"], rows[0]["left"], rows[0]["right"]) == (
        "difference",
        "lib",
        "2.1",
        "2.2",
    )
    assert rows[-1] == {"event": "done", "differences": 1}


def test_whether_the_lock_still_fits(lab: Lab, original: Path) -> None:
    """Nothing is asked of an index, and the lock is not written; an edit that no RECORD shows is seen."""
    lock = lab.folder / "pylock.fastenv.toml"
    text, times = lock.read_text(), lock.stat().st_mtime_ns
    offline = {"UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple"}
    done = lab.cli("lock", "--check", "--prefix", original, env=offline)
    said = f"lock --check: compared with {original}\npylock.fastenv.toml fits the environment\n"
    assert (done.code, done.out, done.err) == (0, "", said)
    module = next(original.glob("lib/python*/site-packages/lib.py"))
    module.write_text("edited = True\n")
    done = lab.cli("lock", "--check", "--prefix", original, "--json", env=offline)
    assert done.code == 1
    row = json.loads(done.out.splitlines()[0])
    assert (row["name"], row["what"], row["right"]) == ("lib", "files", "site/lib.py (changed)")
    assert (lock.read_text(), lock.stat().st_mtime_ns) == (text, times)


def test_why_is_it_there(lab: Lab, original: Path) -> None:
    done = lab.cli("why", "lib", "--prefix", original)
    assert done.code == 0, done
    assert "wanted by  app (lib>=2)" in done.out
    assert "asked for  yes, by name" in done.out
    assert f"every node fetches it: {lab.index.files_url}lib-2.1" in done.out
    (row,) = (
        json.loads(line) for line in lab.cli("why", "app", "--prefix", original, "--json").out.splitlines()
    )
    assert (row["requested"], row["lock"], row["chain"]) == (True, "fetched", ["app"])
