"""The main job, by its command line: scan, lock, materialize, exec, verify, and round again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.lab.lab import Done, Lab
from tests.lab.records import record_faults
from tests.lab.trees import differences

import fastenv
from fastenv.exceptions import ArtifactError, FileSystemError, NetworkError, NodeUnfitError


@pytest.fixture
def wheels(lab: Lab) -> list[Path]:
    """A small project: an application, its libraries, two that share a file, and one with everything."""
    points = {"console_scripts": {"app": "app:main"}}
    return [
        lab.wheel(
            "app", files={"app.py": "def main(): print('app')\n"}, requires=["lib>=2"], entry_points=points
        ),
        lab.wheel("lib", "2.1", files={"lib/a.py": "", "shared.py": "of = 'lib'\n"}),
        lab.wheel("twin", files={"shared.py": "of = 'twin'\n", "twin.py": ""}),
        lab.wheel(
            "whole",
            data={"scripts/whole": "#!python\nprint('whole')\n", "headers/w.h": "", "data/share/w": "w"},
        ),
    ]


def cli(lab: Lab, *arguments: object, code: int = 0, **how: Any) -> Done:
    """The command line of the Python package, which must succeed if nothing else is said."""
    return lab.cli(*arguments, code=code, **how)


def test_from_an_environment_to_its_copy_and_back(lab: Lab, wheels: list[Path]) -> None:
    """The copy is equal, runs, is proven, and locking the copy gives the same environment again."""
    original = lab.original(*wheels)
    listed = cli(lab, "scan", "--prefix", original).out
    assert all(name in listed for name in ("app", "lib", "twin", "whole"))
    lock = lab.folder / "pylock.fastenv.toml"
    cli(lab, "lock", "--prefix", original, "-o", lock)
    made = cli(lab, "materialize", lock, "--prefix", lab.prefix("copy"))
    assert made.out == f"{lab.prefix('copy')}\n"
    assert differences(lab.prefix("copy"), original) == []
    assert record_faults(lab.prefix("copy")) == []
    assert cli(lab, "exec", lab.prefix("copy"), "--", "app").out == "app\n"
    assert cli(lab, "exec", lock, "--", "whole").out == "whole\n"
    assert cli(lab, "verify", lab.prefix("copy"), "--full").code == 0
    identity = cli(lab, "env-id", lock).out
    again = lab.folder / "pylock.again.toml"
    cli(lab, "lock", "--prefix", lab.prefix("copy"), "-o", again)
    assert cli(lab, "env-id", again).out == identity
    one, other = fastenv.Lock.read(lock), fastenv.Lock.read(again)
    assert one.packages == other.packages
    assert one.contested == other.contested
    assert [row.path for row in one.contested] == ["site/shared.py"]


def test_an_inventory_can_travel_alone(lab: Lab, wheels: list[Path]) -> None:
    """Scan here, lock there: the same lock."""
    original = lab.original(*wheels)
    inventory = lab.folder / "inventory.json"
    cli(lab, "scan", "--prefix", original, "-o", inventory)
    cli(lab, "lock", "--prefix", original, "-o", "pylock.here.toml")
    cli(lab, "lock", "--inventory", inventory, "-o", "pylock.there.toml")
    here, there = ((lab.folder / f"pylock.{name}.toml").read_text() for name in ("here", "there"))
    assert here == there


def test_wheels_of_a_find_links_folder_travel_with_the_lock(lab: Lab, wheels: list[Path]) -> None:
    original = lab.original(*wheels)
    local = lab.folder / "local"
    local.mkdir()
    shutil.move(wheels[-1], local)
    lock = lab.folder / "pylock.fastenv.toml"
    cli(lab, "lock", "--prefix", original, "-o", lock, env={"UV_FIND_LINKS": str(local)})
    carried = sorted((lab.folder / "pylock.fastenv.d").rglob("*.whl"))
    assert [path.name for path in carried] == [wheels[-1].name]
    # On another machine: the lock and what travels with it, elsewhere; the folder is gone.
    shutil.rmtree(local)
    (lab.folder / "node").mkdir()
    for name in ("pylock.fastenv.toml", "pylock.fastenv.d"):
        (lab.folder / name).rename(lab.folder / "node" / name)
    prefix = lab.materialize(lab.folder / "node/pylock.fastenv.toml")
    assert differences(prefix, original) == []


def test_json_says_what_happens(lab: Lab, wheels: list[Path]) -> None:
    """One object a line on standard output, from both programs; the last one says where and what."""
    lock = lab.lock(*wheels)
    for name in ("node", "python"):
        prefix = lab.prefix(name)
        words = ("materialize", lock, "--prefix", prefix, "--json")
        done = lab.run(*words) if name == "node" else cli(lab, *words)
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert rows[0]["event"] == "plan"
        assert rows[-1]["event"] == "done"
        assert rows[-1]["prefix"] == str(prefix)
        assert rows[-1]["env_id"] == fastenv.env_id(lock)


def test_python_says_the_same(lab: Lab, wheels: list[Path]) -> None:
    """The verbs as functions: values in, values out, one callback."""
    lock = fastenv.Lock.read(lab.lock(*wheels))
    events: list[fastenv.Event] = []
    report = fastenv.materialize(lock, root=lab.root, prefix=lab.prefix("env"), on_event=events.append)
    assert (Path(report.prefix), report.reused, report.packages) == (lab.prefix("env"), False, 4)
    assert report.env_id == fastenv.env_id(lock) == lock.env_id
    assert report.fetched_bytes == sum(wheel.stat().st_size for wheel in wheels)
    assert {event.kind for event in events} >= {"plan", "stage"}
    assert fastenv.verify(report.prefix, full=True) == ()
    again = fastenv.materialize(lock, root=lab.root, prefix=lab.prefix("env"))
    assert (again.reused, again.fetched_bytes) == (True, 0)
    (lab.prefix("env") / "bin/app").unlink()
    (finding,) = fastenv.verify(report.prefix)
    assert (finding.kind, finding.path, finding.package) == ("missing", "bin/app", "app")


def test_errors_in_python_say_what_where_and_what_to_do(lab: Lab, wheels: list[Path]) -> None:
    from dataclasses import replace

    from tests.lab.locks import here

    app, prefix = wheels[0], lab.prefix("env")
    where: dict[str, Any] = {"root": lab.root, "prefix": prefix}
    with pytest.raises(FileSystemError) as lock_fault:
        fastenv.materialize(lab.folder / "absent.toml", **where)
    absent = here().version + "99"
    with pytest.raises(NodeUnfitError, match=absent) as node_fault:
        fastenv.materialize(lab.lock(app, interpreter=replace(here(), version=absent)), **where)
    with pytest.raises(ArtifactError, match=app.name) as artifact_fault:
        fastenv.materialize(lab.lock(lab.row(app, sha256="0" * 64)), **where)
    with pytest.raises(NetworkError, match=app.name) as network_fault:
        fastenv.materialize(lab.lock(lab.row(app, url=lab.index.url + "absent/" + app.name)), **where)
    prefix.mkdir()
    (prefix / "letter").write_text("dear")
    with pytest.raises(FileSystemError, match=str(prefix)) as prefix_fault:
        fastenv.materialize(lab.lock(app), **where)
    assert artifact_fault.value.package == network_fault.value.package == "app"
    assert prefix_fault.value.path == str(prefix)
    faults = (lock_fault, node_fault, artifact_fault, network_fault, prefix_fault)
    assert [fault.value.exit_code for fault in faults] == [6, 5, 4, 7, 6]
    assert node_fault.value.hint
    assert prefix_fault.value.hint
