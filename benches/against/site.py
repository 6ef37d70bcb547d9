"""Serving the wheels, in such a way that the server is not what is measured.

Three addresses of the same files: at full speed, with every connection limited, and with a log of what was sent.
nginx sends from the page cache without copying. Its own limit_rate is of no use here: it counts whole seconds of
each request, so that a small file, or a range of a large one, comes at full speed. The kernel's pacing limits the
connection itself, to the percent; nginx inherits listening sockets that have it set.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from benches.against.pinned import read
from tests.lab.index_server import IndexServer

__all__ = ["LIMIT", "Site", "serve"]

LIMIT = 25_000_000  # bytes a second
SO_MAX_PACING_RATE = 47  # asm-generic/socket.h; the module socket does not name it
FULL, LIMITED, LOGGED = range(3)

CONFIG = """
{user} daemon off; worker_processes 1; pid {run}/pid; error_log {run}/error;
events {{ worker_connections 1024; }}
http {{
    sendfile on; tcp_nopush on; keepalive_requests 100000; default_type application/octet-stream;
    log_format sent '$status $body_bytes_sent $uri'; access_log off;
    client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
    uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
    server {{ listen 127.0.0.1:{full}; root {root}; }}
    server {{ listen 127.0.0.1:{limited}; root {root}; }}
    server {{ listen 127.0.0.1:{logged}; root {root}; access_log {run}/sent sent; }}
}}
"""


class Site(Protocol):
    """Where the wheels are served. Addresses end with a slash, and file names follow."""

    software: str
    full: str
    limited: str
    logged: str

    def sent(self) -> Counter[str]:
        """Bytes of each file that were sent from ``logged`` since this was last asked."""


@contextmanager
def serve(wheels: Sequence[Path], folder: Path) -> Iterator[Site]:
    """Serve these wheels until the end of the block; ``folder`` is for the server's own files."""
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "root" / "files"
    files.mkdir(parents=True)
    for wheel in wheels:
        (files / wheel.name).symlink_to(wheel)
        read(wheel)
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    made = _LabSite(files) if program is None else _Nginx(program, folder)
    try:
        yield made
    finally:
        made.close()


class _Nginx:
    def __init__(self, program: str, folder: Path) -> None:
        self._log = folder / "sent"
        self._read = 0
        version = subprocess.run([program, "-v"], check=True, stderr=subprocess.PIPE, text=True).stderr
        self.software = version.strip().rsplit(" ", 1)[-1].replace("/", "==")
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(_listening(rate)) for rate in (None, LIMIT, None)]
            full, limited, logged = (it.getsockname()[1] for it in sockets)
            config = folder / "nginx.conf"
            user = "user root;" if os.geteuid() == 0 else ""
            ports = {"full": full, "limited": limited, "logged": logged}
            config.write_text(CONFIG.format(user=user, run=folder, root=folder / "root", **ports))
            numbers = tuple(it.fileno() for it in sockets)
            # As nginx hands its sockets to its successor when it is upgraded.
            inherited = {**os.environ, "NGINX": "".join(f"{number};" for number in numbers)}
            # It ends with us, however we end.
            leash = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
            command: list[str | Path] = [*leash, program, "-p", folder, "-c", config, "-e", folder / "error"]
            self._process = subprocess.Popen(command, env=inherited, pass_fds=numbers)
        self.full, self.limited, self.logged = (
            f"http://127.0.0.1:{it}/files/" for it in (full, limited, logged)
        )
        self._wait(folder / "error")

    def _wait(self, errors: Path) -> None:
        for _ in range(100):
            if self._process.poll() is not None:
                raise RuntimeError(f"nginx does not start: {errors.read_text()}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", int(self.full.split(":")[2].split("/")[0]))).close()
                return
            time.sleep(0.05)

    def sent(self) -> Counter[str]:
        text = self._log.read_text()
        fresh, self._read = text[self._read :], len(text)
        sent: Counter[str] = Counter()
        for size, path in re.findall(r"^2\d\d (\d+) /files/(.*)$", fresh, flags=re.MULTILINE):
            sent[path] += int(size)
        return sent

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class _LabSite:
    """The tests' server, where there is no nginx: it takes a good part of one processor."""

    software = "tests.lab.index_server"

    def __init__(self, folder: Path) -> None:
        sys.stderr.write(
            "warning: nginx is not installed (Debian and Ubuntu: apt-get install nginx-light). The wheels are"
            " served by a program in Python, which takes the processor from those that are measured.\n"
        )
        self._servers = [IndexServer(folder, bytes_per_s=rate) for rate in (None, LIMIT, None)]
        for server in self._servers:
            server.__enter__()
        self.full, self.limited, self.logged = (server.files_url for server in self._servers)

    def sent(self) -> Counter[str]:
        sent: Counter[str] = Counter()
        server = self._servers[LOGGED]
        with server.lock:
            for request in server.requests:
                if request.method == "GET":
                    sent[request.path.rsplit("/", 1)[-1]] += request.sent
            server.requests.clear()
        return sent

    def close(self) -> None:
        for server in self._servers:
            server.close()


def measured_rate(site: Site, wheels: Sequence[Path]) -> float:
    """Bytes a second that one connection of ``limited`` gives for a second's worth of requests, small and large."""
    largest = max(wheels, key=lambda wheel: wheel.stat().st_size)
    size = min(LIMIT, largest.stat().st_size)
    request = urllib.request.Request(site.limited + largest.name, headers={"Range": f"bytes=0-{size - 1}"})
    since = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        got = len(answer.read())
    return got / (time.perf_counter() - since)


def _listening(rate: int | None) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if rate is not None:
        made.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
    made.bind(("127.0.0.1", 0))
    made.listen(511)
    return made
