"""All that can't be had is named by one run; what can't be is not waited for."""

from __future__ import annotations

import time

from tests.lab.conda_channel import Channel
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import make_package
from tests.lab.index_server import Fault
from tests.lab.lab import Lab, interrupt
from tests.lab.locks import Row

MANY = 80  # more than are asked for at once


def lines(said: str) -> list[str]:
    """The packages of the message, one a line."""
    return [line.strip() for line in said.splitlines() if line.startswith("  ")]


def test_wheels_that_are_gone(lab: Lab) -> None:
    """Each with its address and what the server said; what can be had is there for the next run."""
    names = ["a", "b", "c", "d", "e"]
    wheels = {name: lab.wheel(name) for name in names}
    for name, status in (("b", 404), ("d", 410), ("e", 403)):
        lab.index.fault(wheels[name].name, Fault(status=status, delay_s=0.1 if name == "d" else 0))
    said = lab.refuse(lab.lock(*wheels.values()), 7)
    assert "3 packages can't be had" in said
    assert lines(said) == [
        f"{name}: {lab.index.files_url}{wheels[name].name} answered {status}"
        for name, status in (("b", 404), ("d", 410), ("e", 403))
    ]
    assert said.count("lock again") == 1
    lab.index.forget()
    lab.materialize(lab.lock(wheels["a"], wheels["c"]))
    assert lab.index.requests == []


def test_conda_packages_that_are_gone_or_another(lab: Lab, channel: Channel) -> None:
    """The lock's fault goes before the network's: another run would not help."""
    archives = {name: make_package(channel.folder, name, files={"share/" + name: name}) for name in "abcde"}
    lock = conda_lock(
        [archive_at(path) for path in archives.values()], lab.folder, base=f"{channel.url}/linux-64/"
    )
    for name in "bd":
        channel.gone.add(archives[name].name)
    content = archives["c"].read_bytes()
    archives["c"].write_bytes(bytes([*content[:-1], content[-1] ^ 1]))
    said = lab.refuse(lock, 4)
    b, c, d = lines(said)
    for line, name in ((b, "b"), (d, "d")):
        assert line == f"{name}: {channel.url}/linux-64/{name}-1.0-0.conda answered 404"
    assert c.startswith(f"c: {channel.url}/linux-64/c-1.0-0.conda has sha256 ")


def test_what_should_lie_beside_the_lock(lab: Lab) -> None:
    rows = [
        Row(lab.wheel(name), path=f"pylock.fastenv.d/{name * 64}/{name}-1.0-py3-none-any.whl")
        for name in "ab"
    ]
    said = lab.refuse(lab.lock(*rows, lab.wheel("c")), 4)
    assert [line.split(":")[0] for line in lines(said)] == ["a", "b"]
    assert all(line.endswith("is not there") for line in lines(said))


def test_what_is_in_the_store_and_has_other_files(lab: Lab) -> None:
    wheels = [lab.wheel("a"), lab.wheel("b")]
    lab.materialize(lab.lock(*wheels))
    said = lab.refuse(
        lab.lock(*(lab.row(wheel, files_digest="0" * 64) for wheel in wheels)), 4, prefix="other"
    )
    assert [line.split(":")[0] for line in lines(said)] == ["a", "b"]


def test_large_files_are_only_asked_for(lab: Lab) -> None:
    """They would take half a minute; those that are gone are named all the same."""
    noise = {f"{name}.bin": bytes(range(256)) * 16_000 for name in "abcd"}
    large = [lab.wheel(name.split(".")[0], files={name: text}, stored=True) for name, text in noise.items()]
    lost = lab.wheel("lost")
    for wheel in large:
        lab.index.fault(wheel.name, Fault(bytes_per_s=130_000))
    lab.index.fault(large[2].name, Fault(status=404))
    lab.index.fault(lost.name, Fault(status=404, delay_s=0.5))
    said = lab.refuse(lab.lock(*large, lost), 7)
    assert [line.split(":")[0] for line in lines(said)] == ["c", "lost"]
    for request in lab.index.requests:
        assert request.sent < 2_000_000, request.path


def test_a_server_that_is_not_there_is_not_asked_for_everything(lab: Lab) -> None:
    """It is named for those that were asked for first, and the others are counted."""
    wheels = [lab.wheel(f"p{number:03}") for number in range(MANY)]
    rows = [lab.row(wheel, url=f"http://127.0.0.1:1/{wheel.name}") for wheel in wheels]
    lost = lab.wheel("lost")
    lab.index.fault(lost.name, Fault(status=404))
    said = lab.refuse(lab.lock(*rows, lost), 7)
    named = lines(said)
    assert any(line.startswith("lost: ") for line in named)
    assert "more may be missing" in named[-1]
    assert len(named) < MANY


def test_ctrl_c_stops_the_asking(lab: Lab) -> None:
    slow, lost = lab.wheel("slow"), lab.wheel("lost")
    lab.index.fault(lost.name, Fault(status=404))
    lab.index.fault(slow.name, Fault(delay_s=30))
    lock = lab.lock(slow, lost)
    process = lab.start("materialize", lock, "--prefix", lab.prefix("env"))
    while not any(request.status == 404 for request in lab.index.requests):
        assert process.poll() is None
        time.sleep(0.01)
    assert interrupt(process).code == 130
    assert lab.residue() == []
