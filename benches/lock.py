"""How long fastenv.lock() takes: ``python benches/lock.py PREFIX [-n TIMES] [--public-index URL]``.

The environment is scanned first, outside the figure; one lock goes ahead, so that uv's cache and ours are
warm. Prints the stages of each run and the median of the whole. Needs the index that gave the environment.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from fastenv.event import Event
from fastenv.lock import lock
from fastenv.scan import scan


def main() -> None:
    parser = argparse.ArgumentParser(description="Time fastenv.lock().")
    parser.add_argument("prefix", type=Path)
    parser.add_argument("-n", type=int, default=5, help="how often")
    parser.add_argument("--public-index", action="append", default=[])
    arguments = parser.parse_args()
    inventory = scan(prefix=arguments.prefix)
    seconds: list[float] = []
    stages: list[Event] = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.n + 1):
            stages.clear()
            started = time.perf_counter()
            made = lock(
                inventory,
                output=Path(folder, "pylock.fastenv.toml"),
                public_indexes=arguments.public_index,
                on_event=stages.append,
            )
            took = time.perf_counter() - started
            parts = ", ".join(f"{it.stage} {it.seconds:.2f}" for it in stages if it.kind == "stage")
            print(f"{'first' if turn == 0 else turn:>5}  {took:6.2f} s  {parts}")
            if turn:
                seconds.append(took)
    print(f"{len(made.packages)} packages, median of {arguments.n}: {statistics.median(seconds):.2f} s")


if __name__ == "__main__":
    main()
