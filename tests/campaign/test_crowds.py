"""Very many processes at once on one store, over several locks, while gc takes away what it can."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import threading
from collections import Counter
from pathlib import Path

from tests.lab.aftermath import Aftermath, leftovers
from tests.lab.lab import Lab


class Sweeper(threading.Thread):
    """gc in a loop; ``removed`` counts what it took away, by kind and name."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self.lab = lab
        self.removed: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self.rounds = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.rounds += 1
            done = self.lab.run("store", "gc", "--keep-days", "0", "--max-size", "1", "--json")
            if done.code != 0:
                self.faults.append(done.err)
            for row in map(json.loads, done.out.splitlines()):
                if row["event"] == "removed":
                    self.removed[row["kind"], row["name"]] += 1


def start(lab: Lab, *arguments: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        lab.command(*arguments),
        env=lab.environ,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def test_many_processes_beside_gc(lab: Lab, wheels: list[Path], full: bool) -> None:
    """All end well with the right tree, and nothing is fetched again but what gc had taken away."""
    sets = [wheels, wheels[:5], wheels[2:], wheels[::2]]
    crowd = [Aftermath.of(lab, *some, name=f"set{number}") for number, some in enumerate(sets)]
    dice, count = random.Random(9), 64 if full else 12
    sweeper = Sweeper(lab)
    sweeper.start()
    waiting: list[tuple[Aftermath, Path | None, subprocess.Popen[str]]] = []
    for number in range(count):
        one = crowd[number % len(crowd)]
        if dice.random() < 0.5:
            prefix = lab.prefix(f"env{dice.randrange(count // 3)}-{number % len(crowd)}")
            waiting.append((one, prefix, start(lab, "materialize", one.lock, "--prefix", prefix)))
        else:
            command = ["python", "-c", "import markupsafe, time; time.sleep(0.3)"]
            waiting.append((one, None, start(lab, "exec", one.lock, "--", *command)))
    ended = [(one, prefix, process.communicate(timeout=300), process) for one, prefix, process in waiting]
    sweeper.over.set()
    sweeper.join()
    faults = [err for _, _, (_, err), process in ended if process.returncode != 0]
    assert faults == []
    assert sweeper.faults == []
    print(f"{count} processes, {sweeper.rounds} rounds of gc, {sweeper.removed.total()} things removed")
    for made, one in {prefix: one for one, prefix, _, _ in ended if prefix is not None}.items():
        one.is_right(made)
    fetched_once_and_after_gc(lab, sweeper)
    for one in crowd:
        one.heals(prefix=None)
    assert leftovers(lab, lab.prefix("env")) == []


def fetched_once_and_after_gc(lab: Lab, sweeper: Sweeper) -> None:
    for wheel in lab.index.folder.glob("*.whl"):
        sent = sum(request.sent for request in lab.index.requested(wheel.name, "GET"))
        taken = sweeper.removed["artifact", hashlib.sha256(wheel.read_bytes()).hexdigest()]
        assert sent <= wheel.stat().st_size * (1 + taken), f"{wheel.name} was removed {taken} times"
