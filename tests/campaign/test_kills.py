"""kill -9 at moments spread over the whole of what a run does, its byte code included."""

from __future__ import annotations

import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.lab.aftermath import Aftermath, remove
from tests.lab.lab import Lab, interrupt
from tests.lab.processes import kill, of_store, wait_for_end
from tests.lab.records import site_packages
from tests.lab.trees import listing

# What is killed, and how often of 20 times.
CASES = {"cold": 7, "warm": 4, "again": 2, "byte code": 4, "gc": 3}
VICTIMS = ("everything", "everything", "the program", "its children")


@dataclass
class Killing:
    """One store that is hit again and again."""

    aftermath: Aftermath
    dice: random.Random
    lengths: dict[str, float] = field(default_factory=dict)

    @property
    def lab(self) -> Lab:
        return self.aftermath.lab

    @property
    def prefix(self) -> Path:
        return self.lab.prefix("env")

    @property
    def environ(self) -> dict[str, str]:
        """Byte code is made as for users."""
        return {**self.lab.environ, "FASTENV_NO_COMPILE": "0"}

    def prepare(self, case: str) -> list[object]:
        """Makes things as they are before such a run; its arguments."""
        if case == "cold":
            remove(self.lab.root)
        else:
            where = [] if case == "gc" else ["--prefix", self.prefix]
            if case == "byte code":
                remove(self.lab.root)
                where.append("--no-compile")
            done = self.lab.run("materialize", self.aftermath.lock, *where, env=self.environ)
            assert done.code == 0, done.err
            wait_for_end(self.lab.root)
        if case in ("cold", "warm"):
            remove(self.prefix)
        if case == "gc":
            return ["store", "gc", "--keep-days", "0", "--max-size", "1"]
        return ["materialize", self.aftermath.lock, "--prefix", self.prefix]

    def start(self, arguments: list[object]) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            self.lab.command(*arguments), env=self.environ, stdin=quiet, stdout=quiet, stderr=quiet
        )

    def length(self, case: str) -> float:
        """Seconds that such a run takes until nothing of it works any more."""
        if case not in self.lengths:
            arguments = self.prepare(case)
            begun = time.monotonic()
            process = self.start(arguments)
            assert process.wait(120) == 0
            wait_for_end(self.lab.root)
            self.lengths[case] = time.monotonic() - begun
        return self.lengths[case]

    def strike(self, case: str, part: float, victim: str) -> None:
        """Kills ``victim`` when ``part`` of such a run is over."""
        length = self.length(case)
        arguments = self.prepare(case)
        process = self.start(arguments)
        time.sleep(part * length)
        if victim == "the program":
            process.kill()
        elif victim == "its children":
            kill(of_store(self.lab.root) - {process.pid})
        else:
            # What is started while others are killed is killed, too.
            while left := of_store(self.lab.root) | ({process.pid} if process.poll() is None else set()):
                kill(left)
                process.poll()
        process.wait(120)
        wait_for_end(self.lab.root)


def series(aftermath: Aftermath, case: str, count: int, seed: int) -> None:
    """``count`` kills in equal parts of the time that a run takes, each followed by what must hold."""
    killing = Killing(aftermath, random.Random(seed))
    for number in range(count):
        part = (number + killing.dice.random()) / count
        victim = "everything" if case == "gc" else killing.dice.choice(VICTIMS)
        killing.strike(case, part, victim)
        print(f"{case}: seed {seed}, kill {number}, {victim} at {part:.3f} of {killing.length(case):.2f} s")
        where = None if case == "gc" else killing.prefix
        made = aftermath.heals(prefix=where, env={"FASTENV_NO_COMPILE": "0"})
        assert without_byte_code(made) == []


def without_byte_code(prefix: Path) -> list[str]:
    """Modules that would be compiled at each start: after a run and its child there are none."""
    site = site_packages(prefix)
    modules = (
        path for path in site.rglob("*.py") if not list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))
    )
    return sorted(str(path.relative_to(site)) for path in modules)


@pytest.mark.parametrize("case", CASES)
def test_after_a_kill_the_next_run_gives_the_right_tree(aftermath: Aftermath, case: str, full: bool) -> None:
    aftermath.lab.index.options.bytes_per_s = 20_000_000 if full else 4_000_000
    seed = random.randrange(10_000) if full else 1
    series(aftermath, case, CASES[case] * (10 if full else 1), seed)


def test_an_interrupt_keeps_what_has_arrived_of_a_large_file(lab: Lab) -> None:
    """Ctrl-C while a file arrives in pieces: it ends with 130, and the next run fetches only the rest."""
    wheel = lab.wheel("big", files={"big.bin": random.Random(3).randbytes(36 << 20)}, stored=True)
    aftermath = Aftermath(lab, lab.lock(wheel), {})
    lab.index.options.bytes_per_s = 2_000_000
    process = lab.start("materialize", aftermath.lock, "--prefix", lab.prefix("env"), "--connections", "4")
    wanted = wheel.stat().st_size // 5
    while sum(request.sent for request in lab.index.requests) < wanted:
        time.sleep(0.01)
    done = interrupt(process)
    assert (done.code, done.out) == (130, ""), done
    assert [Path(path).suffix for path in lab.residue()] == [".part"]
    lab.index.options.bytes_per_s = None
    lab.index.forget()
    aftermath.expected = listing(lab.reference(wheel))
    aftermath.heals(prefix=lab.prefix("env"))
    assert sum(request.sent for request in lab.index.requests) < wheel.stat().st_size
    assert lab.residue() == []
