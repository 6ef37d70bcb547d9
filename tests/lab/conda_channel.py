"""A real HTTP server for conda channels: the folder of ``conda_data``, with tokens, logins and things that are gone.

with Channel(folder) as channel:
    channel.url                       # "http://127.0.0.1:PORT"
    channel.gone.add("x-1-0.conda")   # 404 from now on
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["Channel"]


class Channel:
    """Serves the files below ``folder``, and the texts of ``extra`` by their paths."""

    def __init__(self, folder: Path, *, token: str = "", login: tuple[str, str] | None = None) -> None:
        self.folder = folder
        self.token = token
        self.login = login
        self.gone: set[str] = set()
        self.extra: dict[str, bytes] = {}
        self.requests: list[str] = []
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.channel = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Channel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def list(self, channel: str, subdir: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Serve repodata of these records, by the names of their archives."""
        tables: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
        for name, record in records.items():
            tables["packages.conda" if name.endswith(".conda") else "packages"][name] = dict(record)
        text = json.dumps({"info": {"subdir": subdir}, **tables, "repodata_version": 1})
        self.extra[f"/{channel}/{subdir}/repodata.json"] = text.encode()

    def body(self, path: str, authorization: str) -> bytes | int:
        """What is at ``path``, or the status of a refusal."""
        if self.token:
            begin = f"/t/{self.token}/"
            if not path.startswith(begin):
                return 401
            path = path[len(begin) - 1 :]
        if self.login and authorization != _basic(*self.login):
            return 401
        if path in self.extra:
            return self.extra[path]
        file = self.folder / path.lstrip("/")
        is_there = file.is_file() and file.name not in self.gone and ".." not in path
        return file.read_bytes() if is_there else 404


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    channel: Channel


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        server = self.server
        assert isinstance(server, _Server)
        server.channel.requests.append(f"{self.command} {self.path}")
        found = server.channel.body(self.path, self.headers.get("Authorization", ""))
        body = b"" if isinstance(found, int) else found
        self.send_response(found if isinstance(found, int) else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


def _basic(user: str, word: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()
