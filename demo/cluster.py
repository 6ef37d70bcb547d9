"""A Dask scheduler and its workers on this machine, each a process that `fastenv exec` became."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import fastenv

if TYPE_CHECKING:
    from collections.abc import Sequence

START_S = 60.0
STOP_S = 10.0


class Cluster:
    """One worker for each node; the scheduler is on the first node. Ports are chosen by the system."""

    def __init__(self, lock: fastenv.Lock, run: Path, nodes: Sequence[str]) -> None:
        self._lock = lock
        self._run = run
        self._nodes = nodes
        self._file = run / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._logs: list[Path] = []
        self.address = ""

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def show_logs(self) -> None:
        """Print what the processes said, on standard error."""
        for log in self._logs:
            sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')}")

    def _start(self) -> None:
        scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
        self._exec(self._nodes[0], "scheduler", [*scheduler, "--scheduler-file", str(self._file)])
        self.address = self._wait_for_address()
        for node in self._nodes:
            worker = ["worker", self.address, "--name", node, "--nthreads", "1", "--nworkers", "1"]
            local = ["--no-dashboard", "--local-directory", str(self._run / f"{node}-scratch")]
            self._exec(node, f"worker-{node}", [*worker, *local, "--no-nanny"])

    def _exec(self, node: str, name: str, arguments: list[str]) -> None:
        log = self._run / f"{name}.log"
        self._logs.append(log)
        command = [str(fastenv.node_program()), "exec", str(self._lock.path), "--root", str(self._run / node)]
        with log.open("wb") as sink:
            started = subprocess.Popen(
                [*command, "--", "dask", *arguments], stdout=sink, stderr=subprocess.STDOUT
            )
        self._processes.append(started)

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._processes[0].poll() is not None:
                break
            try:
                return str(json.loads(self._file.read_text())["address"])
            except (OSError, ValueError):
                time.sleep(0.05)
        self.show_logs()
        raise fastenv.FastenvError("the Dask scheduler did not start")
