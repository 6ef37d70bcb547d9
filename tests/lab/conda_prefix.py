"""Real conda prefixes, made by py-rattler of the archives of ``conda_data``.

py-rattler may crash the interpreter that has awaited one of its calls when it ends, so it works in a process of its
own: ``python -m tests.lab.conda_prefix`` with a request on its standard input.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.conda_data import ROOT, Archive

__all__ = [
    "CHANNEL",
    "Installer",
    "conda_tree",
    "copy_prefix",
    "edit_record",
    "install",
    "made_prefix",
    "move_channel",
    "record_of",
    "replace_text",
]

CHANNEL = "https://channel.example"
"""What the records of a made prefix give as the place of the data folder."""


def install(
    archives: Sequence[Archive | Path], prefix: Path, *, requested: Iterable[str] = (), scripts: bool = False
) -> None:
    """Install archives at ``prefix`` as py-rattler does, its cache beside the prefix for the time."""
    cache = prefix.parent / f".{prefix.name}-pkgs"
    request = {
        "archives": [str(it.path if isinstance(it, Archive) else it) for it in archives],
        "prefix": str(prefix),
        "cache": str(cache),
        "scripts": scripts,
    }
    command = [sys.executable, "-m", "tests.lab.conda_prefix"]
    done = subprocess.run(
        command, input=json.dumps(request), text=True, cwd=ROOT, capture_output=True, check=False
    )
    assert done.stdout == "done", done.stderr
    shutil.rmtree(cache, ignore_errors=True)
    known = {it.file_name: it for it in archives if isinstance(it, Archive)}
    for record in (prefix / "conda-meta").glob("*.json"):
        _publish(record, known, list(requested))


class Installer:
    """py-rattler in a process that lives as long as the block: many installations, one start."""

    def __enter__(self) -> Installer:
        command = [sys.executable, "-m", "tests.lab.conda_prefix", "many"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def install(self, archives: Iterable[Path], prefix: Path, cache: Path) -> str:
        """Install these at ``prefix``; what py-rattler says if it does not want to, else nothing."""
        request = {
            "archives": [*map(str, archives)],
            "prefix": str(prefix),
            "cache": str(cache),
            "scripts": False,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "py-rattler's process has ended"
        return str(json.loads(answer))


def conda_tree(prefix: Path) -> dict[str, tuple[str, object]]:
    """Files, links and what they hold, without records and the text of scripts that an installer generates."""
    generated = set()
    for record in (prefix / "conda-meta").glob("*.json"):
        paths = json.loads(record.read_text())["paths_data"]["paths"]
        generated |= {path["_path"] for path in paths if path["path_type"] == "unix_python_entry_point"}
    found: dict[str, tuple[str, object]] = {}
    for path in prefix.rglob("*"):
        name = str(path.relative_to(prefix))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            executable = path.stat().st_mode & 0o111 != 0
            found[name] = (
                ("generated", executable) if name in generated else ("file", (executable, path.read_bytes()))
            )
    own = (".fastenv/", "conda-meta/", "CACHEDIR.TAG")
    return {name: what for name, what in found.items() if not name.startswith(own)}


def made_prefix(archives: Sequence[Archive], *, requested: Iterable[str] = ()) -> Path:
    """A prefix of these archives that all tests of this user share: read it, or make a copy."""
    words = "\n".join([*(it.sha256 for it in archives), *requested, Path(__file__).read_text()])
    key = hashlib.sha256(words.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"fastenv-tests-conda-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    prefix = folder / key
    with _alone(folder / f"{key}.lock"):
        if not (folder / f"{key}.whole").exists():
            shutil.rmtree(prefix, ignore_errors=True)
            install(archives, prefix, requested=requested)
            (folder / f"{key}.whole").touch()
    return prefix


def copy_prefix(prefix: Path, target: Path) -> Path:
    """A copy whose files are links: replace a file, never write into it."""
    subprocess.run(["cp", "-al", str(prefix), str(target)], check=True)
    return target


def record_of(prefix: Path, name: str) -> Path:
    """The file of a package's record in conda-meta."""
    found = [path for path in (prefix / "conda-meta").glob("*.json") if path.name.rsplit("-", 2)[0] == name]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def edit_record(prefix: Path, name: str, **changes: Any) -> None:
    """Change fields of a record; None takes one away."""
    path = record_of(prefix, name)
    record = {**json.loads(path.read_text()), **changes}
    replace_text(path, json.dumps({key: value for key, value in record.items() if value is not None}))


def move_channel(prefix: Path, url: str, *, old: str = CHANNEL) -> None:
    """Let all records say that their archives came from ``url`` instead of ``old``."""
    for path in (prefix / "conda-meta").glob("*.json"):
        replace_text(path, path.read_text().replace(old, url))


def replace_text(path: Path, text: str) -> None:
    """Write a file anew, so that a link to it elsewhere keeps its content."""
    path.unlink(missing_ok=True)
    path.write_text(text)


def _publish(record: Path, known: dict[str, Archive], requested: list[str]) -> None:
    """Give a record the address that its archive would have in a channel, and what it was asked for by."""
    table = json.loads(record.read_text())
    # py-rattler 0.28 takes no specs of its own kind
    table["requested_specs"] = [spec for spec in requested if spec.split()[0] == table["name"]]
    archive = known.get(table["fn"])
    if archive is not None:
        table["url"] = f"{CHANNEL}/{archive.relative}"
        table["channel"] = f"{CHANNEL}/{archive.channel}"
    record.write_text(json.dumps(table, indent=2))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


async def _install(request: dict[str, Any]) -> None:
    import rattler

    records = [await rattler.RepoDataRecord.from_package_archive(path) for path in request["archives"]]
    await rattler.install(
        records,
        request["prefix"],
        cache_dir=request["cache"],
        execute_link_scripts=request["scripts"],
        show_progress=False,
    )


async def _install_many() -> None:
    for line in sys.stdin:
        fault = ""
        try:
            await _install(json.loads(line))
        except Exception as said:  # noqa: BLE001 # told to who asked
            fault = f"{type(said).__name__}: {said}"
        sys.stdout.write(f"{json.dumps(fault)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(_install_many())
    else:
        asyncio.run(_install(json.load(sys.stdin)))
        sys.stdout.write("done")
        sys.stdout.flush()
    os._exit(0)  # without the end of the interpreter, which is what may crash
