"""Files that conda's link scripts changed where an environment was locked."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.conda_package import make_package
from tests.lab.conda_prefix import install as install_conda
from tests.lab.conda_prefix import move_channel

from fastenv import Event
from fastenv.exceptions import LockFaults
from fastenv.lock import Lock, lock
from fastenv.lock.check import check_lock
from fastenv.materialize import materialize

SCRIPT = "echo and mine >> $PREFIX/share/scripted.txt; echo theirs >> $PREFIX/share/other.txt"


def prefix_of(folder: Path, channel: Channel, script: str, action: str = "post-link") -> Path:
    """One package with a script, which has been run, and one without."""
    files = {"share/scripted.txt": "as packed\n", f"bin/.scripted-{action}.sh": script}
    archives = [
        make_package(channel.folder, "scripted", files=files),
        make_package(channel.folder, "other", files={"share/other.txt": "as packed\n"}),
    ]
    prefix = folder / "env"
    install_conda(archives, prefix, scripts=True)
    move_channel(prefix, channel.url, old=channel.folder.as_uri())
    return prefix


def locked(prefix: Path, folder: Path, channel: Channel, *, link_scripts: bool) -> tuple[Lock, list[str]]:
    events: list[Event] = []
    made = lock(
        output=folder / "pylock.toml",
        prefix=prefix,
        public_indexes=[channel.url],
        link_scripts=link_scripts,
        on_event=events.append,
    )
    return made, [event.message for event in events if event.kind == "warning"]


def faults(prefix: Path, folder: Path, channel: Channel, *, link_scripts: bool = False) -> dict[str, str]:
    with pytest.raises(LockFaults) as caught:
        locked(prefix, folder, channel, link_scripts=link_scripts)
    return {fault.package: f"{fault.reason}\n{fault.hint}" for fault in caught.value.faults}


def test_without_a_script_an_edit_is_a_fault(folder: Path, channel: Channel) -> None:
    """That the scripts run does not help where none may have done it."""
    prefix = prefix_of(folder, channel, "", action="pre-unlink")
    (prefix / "share/other.txt").unlink()
    (prefix / "share/other.txt").write_text("edited")
    for link_scripts in (False, True):
        told = faults(prefix, folder, channel, link_scripts=link_scripts)
        assert told.keys() == {"conda:other"}
        assert "--link-scripts" not in told["conda:other"]


def test_the_fault_names_the_way_on(folder: Path, channel: Channel) -> None:
    told = faults(prefix_of(folder, channel, SCRIPT), folder, channel)
    assert told.keys() == {"conda:scripted", "conda:other"}
    reason, hint = told["conda:scripted"].split("\n")
    assert reason == (
        "installed files were edited: share/scripted.txt (changed); it has a post-link script, which may have done that"
    )
    assert hint.startswith(
        "lock with --link-scripts, so that each copy runs the script; else install it again: conda"
    )
    assert "--link-scripts" not in told["conda:other"]


def test_what_runs_again_is_a_warning(folder: Path, channel: Channel) -> None:
    """And the copy has what the script makes of the archive's file; a check of the lock finds nothing."""
    prefix = prefix_of(folder, channel, SCRIPT)
    made, warnings = locked(prefix, folder, channel, link_scripts=True)
    for name in ("scripted", "other"):
        assert (
            f"files of {name} are not those of its archive: share/{name}.txt (changed); a copy has the archive's, and "
            "what the post-link script of scripted may change of them again"
        ) in warnings
    materialize(folder / "pylock.toml", root=folder / "root", prefix=folder / "copy")
    for name, line in (("scripted", "and mine"), ("other", "theirs")):
        text = f"as packed\n{line}\n"
        assert (prefix / f"share/{name}.txt").read_text() == text
        assert (folder / f"copy/share/{name}.txt").read_text() == text
    assert check_lock(made, prefix=prefix) == ()


def test_a_pre_link_script_is_named(folder: Path, channel: Channel) -> None:
    """conda runs it in its cache before it links; nothing that shares its files can."""
    prefix = prefix_of(folder, channel, "touch $PREFIX/ran", action="pre-link")
    _, warnings = locked(prefix, folder, channel, link_scripts=True)
    assert (
        "scripted has a pre-link script, which no copy runs: it would change what environments share"
        in warnings
    )
