"""A Dask job in a conda environment with pip's packages on top, made elsewhere: what all of it is for."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.conda_channel import Channel
from tests.lab.conda_package import pack_python, pack_wheel
from tests.lab.conda_prefix import install as install_conda
from tests.lab.conda_prefix import move_channel
from tests.lab.index_server import IndexServer
from tests.lab.lab import Lab
from tests.lab.sets import resolved
from tests.lab.venv import alone, install

from fastenv.lock import Lock, lock
from fastenv.scan import scan
from fastenv.testing import make_wheel

pytestmark = [
    pytest.mark.ds,
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="the wheels are those of a Python 3.11"),
]

OF_CONDA = ("sortedcontainers", "toolz", "zict")
# What a job needs none of.
LEFT_OUT = {
    *("bokeh", "contourpy", "joblib", "lz4", "narwhals", "numpy", "pandas", "pillow", "pyarrow"),
    *("scikit_learn", "scipy", "threadpoolctl", "xyzservices"),
}

JOB = """
import json, os, sys
from distributed import Client

def where():
    import click, dask, toolz
    return [os.environ.get("FASTENV_ENV_ID"), sys.prefix, *(it.__file__ for it in (click, dask, toolz))]

with Client(scheduler_file=sys.argv[1], timeout=60) as client:
    client.wait_for_workers(2, timeout=60)
    total = sum(client.gather(client.map(lambda number: number * number, range(100))))
    print(json.dumps([total, client.run_on_scheduler(where), *client.run(where).values()]))
"""


@pytest.fixture
def wheels(repository: Path) -> dict[str, Path]:
    """Those of the demo, by name."""
    found = resolved(repository / "demo/requirements.txt", "demo")
    return {wheel.name.split("-")[0]: wheel for wheel in found}


def test_a_job_runs_on_the_copy(
    tmp_path: Path, wheels: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, tmp_path / "home")
    with IndexServer(next(iter(wheels.values())).parent) as index, Channel(tmp_path / "channel") as channel:
        lab = Lab(tmp_path, index)
        prefix = _environment(lab, channel, wheels)
        here = scan(prefix=prefix)
        made = _locked(lab, channel, prefix)
        # Whatever is used now is not of the first one.
        prefix.rename(tmp_path / "gone")
        copy = lab.materialize(tmp_path / "pylock.fastenv.toml", prefix="another place/copy")
        there = scan(prefix=copy)
    assert [(it.name, it.version, it.origin.kind) for it in there.distributions] == [
        (it.name, it.version, it.origin.kind) for it in here.distributions
    ]
    total, *places = _job(lab, copy)
    assert total == sum(number * number for number in range(100))
    assert len(places) == 3  # the scheduler and two workers
    site = f"{copy}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    modules = [f"{site}/{name}/__init__.py" for name in ("click", "dask", "toolz")]
    assert all(place == [made.env_id, str(copy), *modules] for place in places), places


def _environment(lab: Lab, channel: Channel, wheels: dict[str, Path]) -> Path:
    """Conda's python and pure packages; what Dask needs besides by uv, which replaces conda's click."""
    old = make_wheel(lab.folder / "old", "click", "1.0", {"click.py": "raise ImportError('of conda')\n"})
    pure = [old, *(wheels[name] for name in OF_CONDA)]
    archives = [pack_python(channel.folder), *(pack_wheel(channel.folder, wheel) for wheel in pure)]
    prefix = lab.folder / "env"
    install_conda(archives, prefix)
    move_channel(prefix, channel.url, old=channel.folder.as_uri())
    of_pip = sorted(wheels.keys() - LEFT_OUT - set(OF_CONDA))
    pins = [f"{name}=={wheels[name].name.split('-')[1]}" for name in of_pip]
    install(prefix / "bin/python", *pins, index=lab.index.url)
    return prefix


def _locked(lab: Lab, channel: Channel, prefix: Path) -> Lock:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", lab.index.url)
        public = [channel.url, lab.index.url]
        return lock(output=lab.folder / "pylock.fastenv.toml", prefix=prefix, public_indexes=public)


def _job(lab: Lab, prefix: Path) -> list[object]:
    """Scheduler, workers and the job, each by ``fastenv-node exec``."""
    file = lab.folder / "scheduler.json"
    at = ["--scheduler-file", str(file)]
    local = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(_started(lab, prefix, "scheduler", *at, *local))
        for name in ("one", "two"):
            room = ["--local-directory", str(lab.folder / f"worker-{name}")]
            worker = ["worker", *at, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard", *room]
            stack.enter_context(_started(lab, prefix, *worker))
        done = lab.run("exec", prefix, "--", "python", "-c", JOB, str(file))
    assert done.code == 0, done.err
    answer: list[object] = json.loads(done.out)
    return answer


@contextlib.contextmanager
def _started(lab: Lab, prefix: Path, *words: str) -> Iterator[None]:
    command = lab.command("exec", prefix, "--", "dask", *words)
    with (lab.folder / f"{words[0]}.log").open("ab") as log:
        process = subprocess.Popen(command, env=lab.environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
