"""A real HTTP package index over a folder of wheels, with faults to order.

It serves the simple repository API as HTML (PEP 503) and as JSON (PEP 691, PEP 700), the files with ranges and HEAD,
asks for basic authentication if told to, misbehaves where told to, and remembers every request.

    with IndexServer(folder) as index:
        index.url                                  # "http://127.0.0.1:PORT/simple/"
        index.fault("foo-1.0-py3-none-any.whl", Fault(status=503, times=2))
        index.requests                             # what was asked so far

By hand: ``python -m tests.lab.index_server FOLDER [--port N] [--user NAME --password WORD]``.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import html
import io
import json
import re
import threading
import time
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
BLOCK = 64 * 1024


@dataclass
class Fault:
    """How the server misbehaves for one path (its last component, or the whole of it).

    Every switch is off by default; ``times`` is how many answers are spoilt before the path is well again
    (None: for ever). ``after`` counts body bytes.
    """

    status: int | None = None  # answer with this status and no body
    retry_after: str | None = None  # the Retry-After header of that answer
    truncate_at: int | None = None  # close the connection after so many bytes of the body
    stall_at: int | None = None  # say nothing more after so many bytes, for stall_s seconds, then close
    stall_s: float = 60.0
    corrupt_at: int | None = None  # flip the byte at this offset of the file
    ignore_ranges: bool = False  # answer 200 with everything, and do not offer ranges
    wrong_range: bool = False  # answer 206 with bytes of another place
    length: int | None = None  # lie about Content-Length
    redirect: str | None = None  # answer 302 to this URL
    delay_s: float = 0.0  # wait before answering
    bytes_per_s: float | None = None  # send no faster than this
    methods: tuple[str, ...] = ("GET", "HEAD")
    times: int | None = None


@dataclass
class Request:
    """One request, noted when it comes in; ``status`` and ``sent`` (body bytes) fill while it is answered."""

    method: str
    path: str
    headers: dict[str, str]
    started: float
    status: int = 0
    sent: int = 0

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass
class IndexOptions:
    """What the index tells about its files, and to whom."""

    user: str | None = None
    password: str | None = None
    token: str | None = None  # everything is below this component of the path; without it there is nothing
    signature: str | None = None  # file URLs have this query, and are refused without
    json_api: bool = True  # PEP 691 JSON on request; else HTML always
    sizes: bool = True  # PEP 700 sizes in the JSON
    hashes: bool = True  # sha256 of every file on the page
    metadata: bool = True  # PEP 658 metadata files beside the wheels
    absolute: bool = False  # absolute file URLs on the pages
    files_base: str | None = None  # files live below this URL (another host) instead
    bytes_per_s: float | None = None  # rate of each connection
    latency_s: float = 0.0
    cache_control: str | None = None  # of the pages
    yanked: dict[str, str] = field(default_factory=dict)  # file name -> reason


class IndexServer:
    """Serves ``folder`` (recursively: every .whl, .tar.gz and .zip in it) until closed.

    ``.url`` is the simple index, ``.files_url`` where files are, ``.find_links_url`` one flat page of links.
    Files added later are seen at the next request.
    """

    def __init__(self, folder: Path, *, port: int = 0, host: str = "127.0.0.1", **options: Any) -> None:
        self.folder = Path(folder)
        self.options = IndexOptions(**options)
        self.requests: list[Request] = []
        self.faults: dict[str, Fault] = {}
        self.lock = threading.Lock()
        self._http = _Server((host, port), _Handler)
        self._http.index = self
        self.port: int = self._http.server_address[1]
        self.root = "" if self.options.token is None else f"/{self.options.token}"
        self.base = f"http://{host}:{self.port}{self.root}"
        self.url = f"{self.base}/simple/"
        self.files_url = f"{self.base}/files/"
        self.find_links_url = f"{self.base}/links/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> IndexServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def serve_forever(self) -> None:
        self._http.serve_forever(0.2)

    def fault(self, path: str, fault: Fault) -> None:
        """Misbehave for ``path``: a file name, or a whole request path beginning with ``/``."""
        with self.lock:
            self.faults[path] = fault

    def heal(self) -> None:
        with self.lock:
            self.faults.clear()

    def forget(self) -> None:
        """Empty the request log."""
        with self.lock:
            self.requests.clear()

    def requested(self, suffix: str, method: str | None = None) -> list[Request]:
        """The requests so far whose path ends with ``suffix``."""
        with self.lock:
            return [r for r in self.requests if r.path.endswith(suffix) and method in (None, r.method)]

    def files(self) -> dict[str, Path]:
        """File name -> path, of everything served."""
        found = (p for p in self.folder.rglob("*") if p.is_file())
        return {p.name: p for p in sorted(found) if re.search(r"\.(whl|tar\.gz|zip)$", p.name)}

    def project(self, name: str) -> dict[str, Path]:
        return {f: p for f, p in self.files().items() if project_of(f) == name}

    def take_fault(self, path: str, method: str) -> Fault:
        """The fault for this request, counted down; a Fault with every switch off if there is none."""
        with self.lock:
            for key in (path, path.rsplit("/", 1)[-1]):
                fault = self.faults.get(key)
                if fault is None or method not in fault.methods:
                    continue
                if fault.times is not None:
                    if fault.times <= 0:
                        continue
                    fault.times -= 1
                return fault
        return Fault()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    index: IndexServer

    def __init__(self, *args: Any) -> None:
        self.closing = threading.Event()
        super().__init__(*args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to print about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        index = self.server.index
        path = unquote(urlsplit(self.path).path)
        headers = {k.lower(): v for k, v in self.headers.items()}
        self.note = Request(self.command, path, headers, time.monotonic())
        with index.lock:
            index.requests.append(self.note)
        try:
            self.fault = index.take_fault(path, self.command)
            time.sleep(self.fault.delay_s + index.options.latency_s)
            self._route(path, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self, path: str, body: bool) -> None:
        index = self.server.index
        below = path.startswith(f"{index.root}/")
        path = path.removeprefix(index.root)
        if not below:
            self._empty(404)
        elif not self._allowed():
            self._empty(401, {"WWW-Authenticate": 'Basic realm="index"'})
        elif self.fault.status is not None:
            retry = {} if self.fault.retry_after is None else {"Retry-After": self.fault.retry_after}
            self._empty(self.fault.status, retry)
        elif self.fault.redirect is not None:
            self._empty(302, {"Location": self.fault.redirect})
        elif path == "/simple/":
            self._text(_root_page(index), "text/html", body)
        elif path == "/links/":
            self._text(_html_page("links", _rows(index, index.files())), "text/html", body)
        elif match := re.fullmatch(r"/simple/([^/]+)(/?)", path):
            self._project(match[1], bool(match[2]), body)
        elif path.startswith("/files/"):
            self._file(path.removeprefix("/files/"), body)
        else:
            self._empty(404)

    def _allowed(self) -> bool:
        options = self.server.index.options
        if options.user is None:
            return True
        word = base64.b64encode(f"{options.user}:{options.password or ''}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {word}"

    def _project(self, name: str, slash: bool, body: bool) -> None:
        index = self.server.index
        wanted = normalize(name)
        files = index.project(wanted)
        if not files:
            self._empty(404)
        elif not slash or wanted != name:
            self._empty(301, {"Location": f"{index.root}/simple/{wanted}/"})
        elif index.options.json_api and JSON_TYPE in self.headers.get("Accept", ""):
            self._text(_json_page(wanted, _rows(index, files)), JSON_TYPE, body)
        else:
            self._text(_html_page(wanted, _rows(index, files)), "text/html", body)

    def _file(self, name: str, body: bool) -> None:
        index = self.server.index
        path = index.files().get(name.removesuffix(".metadata"))
        signature = index.options.signature
        if path is None:
            self._empty(404)
        elif signature is not None and urlsplit(self.path).query != signature:
            self._empty(403)
        elif name.endswith(".metadata"):
            data = wheel_metadata(path) if index.options.metadata else None
            self._empty(404) if data is None else self._text(data, "text/plain", body)
        else:
            self._bytes(path, body)

    def _bytes(self, path: Path, body: bool) -> None:
        total = path.stat().st_size
        span = None if self.fault.ignore_ranges else _span(self.headers.get("Range"), total)
        if span is not None and span[0] >= total:
            self._empty(416, {"Content-Range": f"bytes */{total}"})
            return
        first, last = span or (0, total - 1)
        headers = {
            "Content-Type": "application/octet-stream",
            "ETag": f'"{_sha256(path, path.stat().st_mtime_ns)}"',
        }
        if not self.fault.ignore_ranges:
            headers["Accept-Ranges"] = "bytes"
        if span is not None:
            headers["Content-Range"] = f"bytes {first}-{last}/{total}"
        length = last - first + 1
        self._head(206 if span else 200, headers, length if self.fault.length is None else self.fault.length)
        if self.fault.length not in (None, length):
            self.close_connection = True
        if body:
            shift = -first if self.fault.wrong_range and span else 0
            with path.open("rb") as stream:
                self._send(stream, first + shift, length)

    def _send(self, stream: io.BufferedReader, first: int, length: int) -> None:
        rate = self.fault.bytes_per_s or self.server.index.options.bytes_per_s
        started = time.monotonic()
        stream.seek(first)
        while self.note.sent < length:
            if self._spoilt_here():
                return
            block = stream.read(min(BLOCK, length - self.note.sent, *self._limits()))
            if not block:
                return
            self.wfile.write(self._corrupted(block, first + self.note.sent))
            self.note.sent += len(block)
            if rate:
                time.sleep(max(0.0, self.note.sent / rate - (time.monotonic() - started)))

    def _limits(self) -> list[int]:
        ends = (self.fault.truncate_at, self.fault.stall_at)
        return [end - self.note.sent for end in ends if end is not None and end > self.note.sent]

    def _spoilt_here(self) -> bool:
        if self.fault.stall_at is not None and self.note.sent >= self.fault.stall_at:
            self.wfile.flush()
            self.server.closing.wait(self.fault.stall_s)
            self.close_connection = True
            return True
        if self.fault.truncate_at is not None and self.note.sent >= self.fault.truncate_at:
            self.close_connection = True
            return True
        return False

    def _corrupted(self, block: bytes, offset: int) -> bytes:
        at = self.fault.corrupt_at
        if at is None or not offset <= at < offset + len(block):
            return block
        spoilt = bytearray(block)
        spoilt[at - offset] ^= 0xFF
        return bytes(spoilt)

    def _text(self, text: str | bytes, kind: str, body: bool) -> None:
        data = text.encode() if isinstance(text, str) else text
        control = self.server.index.options.cache_control
        cached = {} if control is None else {"Cache-Control": control}
        self._head(200, {"Content-Type": kind, **cached}, len(data))
        if body:
            self.wfile.write(data)
            self.note.sent = len(data)

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self._head(status, headers or {}, 0)

    def _head(self, status: int, headers: dict[str, str], length: int) -> None:
        self.note.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def normalize(name: str) -> str:
    """The normalized project name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(file_name: str) -> str:
    """The normalized project of a wheel's or sdist's file name."""
    if file_name.endswith(".whl"):
        return normalize(file_name.split("-", 1)[0])
    return normalize(re.sub(r"\.(tar\.gz|zip)$", "", file_name).rsplit("-", 1)[0])


@lru_cache(maxsize=4096)
def _sha256(path: Path, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def wheel_metadata(path: Path) -> bytes | None:
    """The METADATA of a wheel, or None for what is not one."""
    return _metadata(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _metadata(path: Path, mtime_ns: int) -> bytes | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)]
            return archive.read(names[0]) if names else None
    except zipfile.BadZipFile:
        return None


def _span(header: str | None, total: int) -> tuple[int, int] | None:
    """First and last byte of a single-range header (RFC 9110 section 14.2), or None where there is none."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        return max(0, total - int(match[2])), total - 1
    return int(match[1]), min(int(match[2]), total - 1) if match[2] else total - 1


def _rows(index: IndexServer, files: dict[str, Path]) -> list[dict[str, Any]]:
    return [_row(index, name, path) for name, path in files.items()]


def _row(index: IndexServer, name: str, path: Path) -> dict[str, Any]:
    """One file as PEP 691 tells it; the HTML page is made from the same."""
    options = index.options
    base = options.files_base or (index.files_url if options.absolute else f"{index.root}/files/")
    query = "" if options.signature is None else f"?{options.signature}"
    row: dict[str, Any] = {"filename": name, "url": base + quote(name) + query, "hashes": {}}
    if options.hashes:
        row["hashes"] = {"sha256": _sha256(path, path.stat().st_mtime_ns)}
    if options.sizes:
        row["size"] = path.stat().st_size
    if options.metadata and (data := wheel_metadata(path)) is not None:
        row["core-metadata"] = {"sha256": hashlib.sha256(data).hexdigest()}
    if name in options.yanked:
        row["yanked"] = options.yanked[name] or True
    row["upload-time"] = "2020-01-01T00:00:00Z"
    return row


def _json_page(project: str, rows: list[dict[str, Any]]) -> str:
    versions = sorted({_version_of(row["filename"]) for row in rows})
    page = {"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": rows}
    return json.dumps(page)


def _version_of(file_name: str) -> str:
    if file_name.endswith(".whl"):
        return file_name.split("-")[1]
    return re.sub(r"\.(tar\.gz|zip)$", "", file_name).rsplit("-", 1)[-1]


def _html_page(project: str, rows: list[dict[str, Any]]) -> str:
    lines = ["<!DOCTYPE html>", "<html><head>", '<meta name="pypi:repository-version" content="1.1">']
    lines += [f"<title>Links for {project}</title>", "</head><body>"]
    for row in rows:
        digest = row["hashes"].get("sha256")
        url = row["url"] + (f"#sha256={digest}" if digest else "")
        extra = ""
        if "core-metadata" in row:
            extra += f' data-core-metadata="sha256={row["core-metadata"]["sha256"]}"'
        if "yanked" in row:
            extra += f' data-yanked="{html.escape(str(row["yanked"]))}"'
        lines.append(f'<a href="{html.escape(url)}"{extra}>{html.escape(row["filename"])}</a><br>')
    return "\n".join([*lines, "</body></html>", ""])


def _root_page(index: IndexServer) -> str:
    names = sorted({project_of(name) for name in index.files()})
    links = "\n".join(f'<a href="{name}/">{name}</a><br>' for name in names)
    return f"<!DOCTYPE html>\n<html><body>\n{links}\n</body></html>\n"


def main() -> None:
    """Serve a folder until interrupted, printing the address of its simple index."""
    parser = argparse.ArgumentParser(description="A package index over a folder of wheels.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--bytes-per-s", type=float, help="rate of each connection")
    args = parser.parse_args()
    server = IndexServer(
        args.folder,
        host=args.host,
        port=args.port,
        user=args.user,
        password=args.password,
        bytes_per_s=args.bytes_per_s,
    )
    print(server.url, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
