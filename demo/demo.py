"""`make demo`: an environment, its lock, two nodes made from it, and a Dask job that runs on them.

Everything is in ./.demo. The reference environment is kept from run to run; the nodes are made anew each time,
so that the times are those of a node that has never seen the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chart import Row, draw
from cluster import Cluster
from local_code import install_local_code, loose_code, texts
from rich.console import Console
from uv_beside import UvBeside

import fastenv

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOM = Path.cwd() / ".demo"
NODES = ("node-1", "node-2")
# A log has no width of its own.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def main() -> None:
    """The story, step by step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="python3", help="the interpreter of the reference environment")
    reference = make_reference(parser.parse_args().python)
    with fresh_folder() as run:
        lock = make_lock(reference, run)
        rows = materialize_everywhere(lock, run)
        rows += UvBeside(lock, run, console).rows(reference)
        compute(reference, lock, run)
    draw(console, rows)


def step(text: str) -> None:
    """Say what comes next."""
    console.print(f"[bold cyan]==>[/] {text}", soft_wrap=True)


def note(text: str) -> None:
    """Say what came of it."""
    console.print(f"    {text}", soft_wrap=True)


def make_reference(python: str) -> Path:
    """Return the interpreter of the reference environment, made by the first run."""
    folder, done = ROOM / "reference", ROOM / "reference.done"
    wanted = (HERE / "requirements.txt").read_text() + texts()
    if not (done.exists() and done.read_text() == wanted):
        step("the reference environment: dask\\[complete], pandas, pyarrow, scikit-learn (by pip, once),")
        note("and what no index has: a package that is edited, one from a Git repository, and a loose module")
        done.unlink(missing_ok=True)
        # Without a pip of its own: Debian puts one there that it built itself, and no index has that.
        subprocess.run([python, "-m", "venv", "--without-pip", "--clear", folder], check=True)
        pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--quiet"]
        install = ["install", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*pip, *install, "-r", HERE / "requirements.txt"], check=True)
        install_local_code(pip, ROOM)
        done.write_text(wanted)
    else:
        step(f"the reference environment of an earlier run: {folder}")
    return folder / "bin" / "python"


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    """A new folder for this run; those of earlier runs are removed when it is over.

    Not before: a file system that has just deleted many files creates new ones much more slowly.
    """
    earlier = list(ROOM.glob("run-*"))
    folder = ROOM / f"run-{time.time_ns()}"
    folder.mkdir()
    yield folder
    for old in earlier:
        shutil.rmtree(old, ignore_errors=True)


def make_lock(reference: Path, run: Path) -> fastenv.Lock:
    """Scan and lock the reference environment."""
    step("fastenv scan")
    started = time.perf_counter()
    inventory = fastenv.scan(python=reference)
    note(f"{len(inventory.distributions)} distributions in {time.perf_counter() - started:.2f} s")
    step("fastenv lock")
    started = time.perf_counter()
    rules = fastenv.Rules(include=(loose_code(ROOM),))
    lock = fastenv.lock(inventory, output=run / "pylock.fastenv.toml", rules=rules)
    note(f"{len(lock.packages)} packages in {time.perf_counter() - started:.2f} s, env id {lock.env_id[:16]}")
    for package in lock.packages:
        if package.origin != "index":
            note(f"{package.name}: {package.origin}" + (f", {package.reason}" if package.reason else ""))
    for overlay in lock.overlays:
        note(f"{overlay.name}: loose code")
    return lock


def materialize_everywhere(lock: fastenv.Lock, run: Path) -> list[Row]:
    """Make the environment on two nodes, then another from a warm store, then none since it is there."""
    rows = []
    for node in NODES:
        step(f"fastenv materialize on {node}, which has nothing yet")
        rows.append(materialize(f"cold, {node}", lock, run / node))
    step("again on node-1: a new prefix from a warm store, then the same once more")
    prefix = run / "warm"
    rows.append(materialize("warm, new prefix", lock, run / "node-1", prefix))
    rows.append(materialize("there already", lock, run / "node-1", prefix))
    findings = fastenv.verify(prefix, full=True)
    note("verify --full: as it was published" if not findings else f"verify: {findings}")
    return rows


def materialize(name: str, lock: fastenv.Lock, root: Path, prefix: Path | None = None) -> Row:
    """Run the node program, as a node would, and return a row of the chart."""
    command = [fastenv.node_program(), "materialize", lock.path, "--root", root, "--json"]
    if prefix is not None:
        command += ["--prefix", prefix]
    started = time.perf_counter()
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.perf_counter() - started
    events = [json.loads(line) for line in told.splitlines()]
    stages = [(event["stage"], event["seconds"]) for event in events if event["event"] == "stage"]
    done = events[-1]
    note(f"{done['prefix']}: {done['fetched_bytes'] / 1e6:.1f} MB fetched, {seconds:.2f} s")
    return Row(name, "fastenv", seconds, " ".join(f"{stage} {took:.2f}" for stage, took in stages))


def compute(reference: Path, lock: fastenv.Lock, run: Path) -> None:
    """Run the job on a scheduler and two workers that `fastenv exec` started, and check what it says."""
    step("a Dask scheduler and two workers, each started by fastenv exec, and a groupby over parquet")
    with Cluster(lock, run, NODES) as cluster:
        job = [reference, HERE / "job.py", cluster.address, run / "data"]
        told = subprocess.run(job, check=False, stdout=subprocess.PIPE, text=True)
        if told.returncode != 0:
            cluster.show_logs()
            sys.exit("the job failed")
    answer = json.loads(told.stdout)
    note(f"{'client':<12} {lock.env_id} (its lock)")
    for where, found in sorted(answer["env_ids"].items()):
        note(f"{where:<12} {found}")
    note(f"{answer['rows']:,} rows in {answer['groups']} groups, {answer['seconds']:.2f} s")
    if set(answer["env_ids"].values()) != {lock.env_id} or len(answer["workers"]) != len(NODES):
        sys.exit("the environments differ")
    for where, modules in sorted(answer["local"].items()):
        note(f"{where:<12} has {', '.join(modules)}, as here")
    if not answer["right"]:
        sys.exit("the result differs from pandas' own")
    note("[green]one environment everywhere, and the result is that of pandas alone[/]")


if __name__ == "__main__":
    try:
        main()
    except fastenv.FastenvError as error:
        sys.exit(f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""))
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
