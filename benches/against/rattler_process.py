"""One installation by py-rattler: ``python -I rattler_process.py RECORDS PREFIX CACHE [GATE]``.

In a process of its own, which ends without the interpreter's end: py-rattler may crash that. Nothing of what it
gets ready is in the figure.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import rattler


def main() -> None:
    """Get ready; wait; install; tell the clock before and after."""
    table, prefix, cache, *gate = map(Path, sys.argv[1:])
    records = [_record(row) for row in json.loads(table.read_text())]
    _tell("ready")
    for path in gate:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)
    _tell(json.dumps(asyncio.run(_install(records, prefix, cache))))
    os._exit(0)


def _record(row: dict[str, Any]) -> rattler.RepoDataRecord:
    facts = rattler.PackageRecord.from_index_json(
        Path(row["index"]), size=row["size"], sha256=row["sha256"], md5=row["md5"]
    )
    return rattler.RepoDataRecord(facts, row["file_name"], row["url"], row["channel"])


async def _install(records: list[rattler.RepoDataRecord], prefix: Path, cache: Path) -> dict[str, float]:
    began = time.perf_counter()
    await rattler.install(records, prefix, cache_dir=cache, execute_link_scripts=False, show_progress=False)
    return {"began": began, "ended": time.perf_counter()}


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
