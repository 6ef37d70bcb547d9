"""What an environment says of itself: RECORD, INSTALLER, REQUESTED, direct_url.json, contested paths."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from tests.lab.lab import Lab, run
from tests.lab.records import record_faults, rows, site_packages
from tests.lab.trees import differences

import fastenv


def test_installer_requested_and_direct_url(lab: Lab) -> None:
    one, two = lab.wheel("one", requires=["two"]), lab.wheel("two")
    text = json.dumps({"url": "https://index.example/two.whl", "archive_info": {}})
    lock = lab.lock(lab.row(one, requested=True), lab.row(two, direct_url=text))
    site = site_packages(lab.materialize(lock))
    told = {
        name: sorted(path.name for path in (site / f"{name}-1.0.dist-info").iterdir())
        for name in ("one", "two")
    }
    assert told["one"] == ["INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL"]
    assert told["two"] == ["INSTALLER", "METADATA", "RECORD", "WHEEL", "direct_url.json"]
    assert (site / "one-1.0.dist-info/INSTALLER").read_text() == "fastenv\n"
    assert (site / "one-1.0.dist-info/REQUESTED").read_text() == ""
    assert (site / "two-1.0.dist-info/direct_url.json").read_text() == text
    assert record_faults(site.parents[2]) == []


def test_companions_that_a_wheel_brings_are_written_anew(lab: Lab) -> None:
    """A wheel can't say who installed it, nor that it was asked for."""
    brought = {
        "INSTALLER": "someone\n",
        "REQUESTED": "",
        "direct_url.json": '{"url": "https://index.example/evil"}',
        "RECORD.jws": "{}",
    }
    prefix = lab.materialize(lab.lock(lab.wheel("one", extra_dist_info=brought)))
    info = site_packages(prefix) / "one-1.0.dist-info"
    names = {path.name for path in info.iterdir()}
    assert names & {"REQUESTED", "direct_url.json"} == set()
    assert (info / "INSTALLER").read_text() == "fastenv\n"
    assert record_faults(prefix) == []


def test_record_is_sorted_and_whole(lab: Lab) -> None:
    shape: dict[str, Any] = {
        "files": {"a/b.py": "x", "a/c, d.py": "y"},
        "data": {"scripts/s": "#!python\n", "data/share/w": "w", "headers/h.h": ""},
        "entry_points": {"console_scripts": {"run": "a.b:main"}},
    }
    prefix = lab.materialize(lab.lock(lab.wheel("one", **shape)))
    record = site_packages(prefix) / "one-1.0.dist-info/RECORD"
    paths = [path for path, _, _ in rows(record)]
    assert paths[-1] == "one-1.0.dist-info/RECORD"
    assert paths[:-1] == sorted(paths[:-1], key=str.encode)
    assert "../../../bin/run" in paths
    assert "../../../bin/s" in paths
    assert "../../../share/w" in paths
    assert record_faults(prefix) == []


SHARED = "shared/__init__.py"


@pytest.mark.parametrize("winner", ["one", "two", "three"])
def test_the_lock_says_who_has_a_shared_path(lab: Lab, winner: str) -> None:
    wheels = [
        lab.wheel(name, files={SHARED: f"owner = {name!r}\n", f"{name}.py": ""})
        for name in ("one", "two", "three")
    ]
    contested = {f"site/{SHARED}": (winner, ["one", "three", "two"])}
    prefix = lab.materialize(lab.lock(*wheels, contested=contested))
    asked = run([str(prefix / "bin/python"), "-c", "import shared; print(shared.owner)"], env=lab.environ)
    assert asked.out == f"{winner}\n"
    assert record_faults(prefix) == []
    assert lab.run("verify", prefix, "--full").code == 0


def test_a_shared_path_with_the_same_bytes_is_no_contest(lab: Lab) -> None:
    wheels = [lab.wheel(name, files={SHARED: "same = 1\n"}) for name in ("one", "two")]
    prefix = lab.prefix("env")
    done = lab.run("materialize", lab.lock(*wheels), "--prefix", prefix)
    assert "warning" not in done.err
    assert differences(prefix, lab.reference(*wheels)) == []
    assert record_faults(prefix) == []


def test_a_contest_that_the_lock_does_not_decide_is_told(lab: Lab) -> None:
    wheels = [lab.wheel(name, files={SHARED: f"owner = {name!r}\n"}) for name in ("one", "two")]
    done = lab.run("materialize", lab.lock(*wheels), "--prefix", lab.prefix("env"))
    assert done.code == 0
    assert f"site/{SHARED}" in done.err
    assert "one" in done.err
    assert record_faults(lab.prefix("env")) == []


@pytest.mark.parametrize("winner", ["one", "two"])
def test_the_lock_says_who_has_a_shared_script(lab: Lab, winner: str) -> None:
    """One generates it, the other brings it as a file."""
    one = lab.wheel(
        "one",
        files={"one.py": "def main():\n    print('one')\n"},
        entry_points={"console_scripts": {"tool": "one:main"}},
    )
    two = lab.wheel("two", data={"scripts/tool": "#!python\nprint('two')\n"})
    contested = {"prefix/bin/tool": (winner, ["one", "two"])}
    prefix = lab.materialize(lab.lock(one, two, contested=contested))
    assert run([str(prefix / "bin/tool")], env=lab.environ).out == f"{winner}\n"
    assert record_faults(prefix) == []
    assert lab.run("verify", prefix, "--full").code == 0


@pytest.mark.parametrize("winner", ["one", "three", "two"])
def test_the_lock_says_whose_entry_point_it_is(lab: Lab, winner: str) -> None:
    wheels = [
        lab.wheel(
            name,
            files={f"{name}.py": f"def main():\n    print({name!r})\n"},
            entry_points={"console_scripts": {"tool": f"{name}:main"}},
        )
        for name in ("one", "three", "two")
    ]
    contested = {"prefix/bin/tool": (winner, ["one", "three", "two"])}
    prefix = lab.materialize(lab.lock(*wheels, contested=contested))
    assert run([str(prefix / "bin/tool")], env=lab.environ).out == f"{winner}\n"
    assert record_faults(prefix) == []


@pytest.mark.parametrize("own", ["bin/python", "bin/activate", "pyvenv.cfg", "lib64/x", ".fastenv/state"])
def test_what_is_the_environments_own_stays_so(lab: Lab, own: str) -> None:
    """A wheel that claims such a path is refused by name, or gives way with a warning."""
    scheme = own.replace("bin/", "scripts/") if own.startswith("bin/") else f"data/{own}"
    wheel = lab.wheel("greedy", data={scheme: "mine\n"})
    prefix = lab.prefix("env")
    done = lab.run("materialize", lab.lock(wheel), "--prefix", prefix)
    assert "greedy" in done.err
    if done.code == 0:
        assert (prefix / own).read_bytes() != b"mine\n"
        assert lab.run("verify", prefix, "--full").code == 0
        run([str(prefix / "bin/python"), "-c", "pass"], env=lab.environ, code=0)
    else:
        assert done.code == 4
        assert not prefix.exists()
    assert lab.residue() == []


def test_modes_are_ours_but_for_the_executable_bit(lab: Lab) -> None:
    """Files of the store are 0444 or 0555; setuid does not survive."""
    wheel = lab.wheel("one", files={"one/run": "#!/bin/sh\n", "one/plain": "x"}, executable=["one/run"])
    site = site_packages(lab.materialize(lab.lock(wheel)))
    modes = {name: stat.S_IMODE((site / "one" / name).stat().st_mode) for name in ("run", "plain")}
    assert modes == {"run": 0o555, "plain": 0o444}


def test_a_contest_can_be_read_from_the_environment(lab: Lab) -> None:
    """A scan of the copy tells the same contested paths, with the same winners: it can be locked in turn."""

    def shape(name: str) -> dict[str, Any]:
        return {
            "files": {SHARED: f"owner = {name!r}\n", f"{name}.py": "def main(): ...\n"},
            "data": {
                "scripts/script": f"#!python\nprint({name!r})\n",
                "scripts/same": "#!python\n",
                "scripts/mixed": "#!python\nprint('mixed')\n",
            },
            "entry_points": {"console_scripts": {"point": f"{name}:main"}},
        }

    mixed = lab.wheel(
        "mixed", files={"mixed.py": ""}, entry_points={"console_scripts": {"mixed": "mixed:main"}}
    )
    wheels = [*(lab.wheel(name, **shape(name)) for name in ("one", "two")), mixed]
    both, all_ = ["one", "two"], ["mixed", "one", "two"]
    contested = {
        f"site/{SHARED}": ("two", both),
        "prefix/bin/script": ("one", both),
        "prefix/bin/point": ("two", both),
        "prefix/bin/mixed": ("mixed", all_),
    }
    prefix = lab.materialize(lab.lock(*wheels, contested=contested))
    told = {
        row.path: (row.winner, [claim.name for claim in row.claims])
        for row in fastenv.scan(prefix=prefix).contested
    }
    assert told == contested
    assert record_faults(prefix) == []
