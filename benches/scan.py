"""How long fastenv.scan() takes: ``python benches/scan.py PREFIX [-n TIMES]``; prints the median
and the parts.

The page cache is warm (one scan goes first) and Python's own start and the import of fastenv are
not in the figure; starting the target's interpreter is.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from typing import TYPE_CHECKING

from fastenv.scan import scan
from fastenv.scan.interpreter import ask

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix")
    parser.add_argument("-n", type=int, default=15, help="how often (default: 15)")
    options = parser.parse_args()
    inventory = scan(prefix=options.prefix)
    if inventory.interpreter is None:
        parser.error("there is no python")
    executable = inventory.interpreter.executable
    whole = [_seconds(lambda: scan(prefix=options.prefix)) for _ in range(options.n)]
    asking = [_seconds(lambda: ask(executable, {})) for _ in range(options.n)]
    files = sum(it.files for it in inventory.distributions)
    print(f"{platform.python_version()}, {len(inventory.distributions)} distributions, {files} files")
    for name, times in (("scan", whole), ("of which asking the interpreter", asking)):
        low, median = min(times) * 1e3, statistics.median(times) * 1e3
        print(f"{name}: median {median:.0f} ms, best {low:.0f} ms, of {options.n}")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
