"""Wheels that are unpacked in the order of their bytes, and never are on the disk as a whole."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from tests.lab.index_server import Fault
from tests.lab.lab import Lab
from tests.lab.trees import differences

from fastenv.testing import make_wheel

# A large wheel for each thread that unpacks: then it is done so.
ONE_THREAD = ("--jobs", "1")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than the largest window of it, and a directory that is not there with the first bytes of the end."""
    noise = random.Random(1)
    runs = b"".join(noise.randbytes(600) + bytes(noise.randrange(900)) for _ in range(14_000))
    files: dict[str, bytes | str] = {
        "large/stored.bin": noise.randbytes(48 << 20),
        "large/packed.bin": runs,
        "large/text.py": "x = 1\n",
        "large/again.bin": runs,
    }
    for number in range(3500):
        files[f"large/{'of_a_long_name_' * 6}{number}.py"] = f"x = {number}\n"
    folder = tmp_path_factory.mktemp("large")
    return make_wheel(folder, "large", files=files, stored=["large/stored.bin"])


@pytest.fixture
def large(lab: Lab, sample: Path) -> Path:
    path = lab.index.folder / sample.name
    path.write_bytes(sample.read_bytes())
    return path


def longest_request(lab: Lab, wheel: Path) -> int:
    ranges = [
        request.range.removeprefix("bytes=").split("-")
        for request in lab.index.requested(wheel.name)
        if request.range
    ]
    return max(int(last) - int(first) + 1 for first, last in ranges)


def assert_whole(lab: Lab, prefix: Path) -> None:
    done = lab.run("verify", prefix, "--full")
    assert done.code == 0, done


def test_the_tree_is_the_same(lab: Lab, large: Path) -> None:
    assert large.stat().st_size > 56 << 20
    prefix = lab.materialize(lab.lock(large), *ONE_THREAD)
    assert longest_request(lab, large) <= 4 << 20, "it was read in order"
    assert differences(prefix, lab.reference(large)) == []
    assert lab.residue() == []
    assert_whole(lab, prefix)


def test_a_server_without_parts(lab: Lab, large: Path) -> None:
    lab.index.fault(large.name, Fault(ignore_ranges=True))
    prefix = lab.materialize(lab.lock(large), *ONE_THREAD)
    assert_whole(lab, prefix)
    assert lab.residue() == []


def test_connections_that_break(lab: Lab, large: Path) -> None:
    lock = lab.lock(large)
    lab.index.fault(large.name, Fault(truncate_at=700_000, times=4))
    prefix = lab.materialize(lock, *ONE_THREAD)
    assert_whole(lab, prefix)
    assert lab.residue() == []


def test_one_wrong_byte_on_the_way(lab: Lab, large: Path) -> None:
    lock = lab.lock(large)
    lab.index.fault(large.name, Fault(corrupt_at=20 << 20))
    error = lab.refuse(lock, 4, *ONE_THREAD)
    assert "large" in error
    assert "sha256" in error
    lab.index.heal()
    prefix = lab.materialize(lock, *ONE_THREAD)
    assert_whole(lab, prefix)


@pytest.mark.parametrize(
    ("at", "what"), [(10 << 20, "stored.bin"), (52 << 20, "packed.bin"), (-22, "end of central directory")]
)
def test_a_wheel_that_is_damaged(lab: Lab, large: Path, at: int, what: str) -> None:
    content = bytearray(large.read_bytes())
    content[at] ^= 1
    large.write_bytes(content)
    error = lab.refuse(lab.lock(large), 4, *ONE_THREAD)
    assert large.name in error
    assert what in error


def test_metadata_so_long_that_it_can_not_be_read_twice_in_order(lab: Lab) -> None:
    noise = random.Random(2).randbytes(48 << 20)
    text = "Metadata-Version: 2.1\nName: wordy\nVersion: 1.0\n\n" + noise[: 7 << 20].hex("\n", 40)
    wheel = lab.wheel("wordy", files={"wordy.bin": noise}, metadata=text, stored=["wordy.bin"])
    prefix = lab.materialize(lab.lock(wheel), *ONE_THREAD)
    assert_whole(lab, prefix)
    (metadata,) = prefix.glob("lib/*/site-packages/wordy-1.0.dist-info/METADATA")
    assert metadata.read_text() == text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_ends_in_the_middle(lab: Lab, large: Path, number: signal.Signals) -> None:
    lock = lab.lock(large)
    lab.index.fault(large.name, Fault(bytes_per_s=2e6))
    process = lab.start("materialize", lock, "--prefix", lab.prefix("env"), *ONE_THREAD)
    deadline = time.monotonic() + 20
    while sum(request.sent for request in lab.index.requested(large.name)) < 20 << 20:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate()
    assert not lab.prefix("env").exists()
    lab.index.heal()
    prefix = lab.materialize(lock, *ONE_THREAD)
    assert_whole(lab, prefix)
    assert lab.residue() == []
