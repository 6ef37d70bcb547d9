"""What a channel itself says of a package: its repodata, read by py-rattler once it is downloaded.

Needed only for old records that lack an address or hashes. py-rattler's own downloads are asynchronous and may
crash the interpreter when it ends, so the file is fetched by our own requests, with the user's proxies and logins.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from fastenv.exceptions import NetworkError
from fastenv.lock.transport import Transport
from fastenv.scan.conda_url import without_login
from fastenv.scan.inventory import CondaPackage

__all__ = ["Listed", "Repodata"]

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Listed:
    """A package as its channel lists it; hashes are hex, empty if the channel does not tell."""

    url: str
    sha256: str
    md5: str
    size: int | None


class Repodata:
    """Asks channels; each subdir of a channel is downloaded once, and gone at the end of the ``with``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = Lock()
        self._known: dict[tuple[str, str], Any] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Repodata:
        return self

    def __exit__(self, *_: object) -> None:
        self._known.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def find(self, package: CondaPackage, channel: str) -> Listed | str:
        """The package in its channel, or why it can't be found there."""
        try:
            base = _base_url(channel)
        except ValueError as error:
            return f"{channel or 'its channel'} is no address ({error})"
        with self._lock:
            key = (base, package.subdir)
            if key not in self._known:
                self._known[key] = self._open(base, package.subdir)
        data = self._known[key]
        if isinstance(data, str):
            return data
        for record in data.load_records(package.name):
            if record.file_name == package.file_name:
                return Listed(
                    f"{base}/{package.subdir}/{package.file_name}",
                    (record.sha256 or b"").hex(),
                    (record.md5 or b"").hex(),
                    record.size,
                )
        return f"the repodata of {without_login(base)} has no {package.file_name}"

    def _open(self, base: str, subdir: str) -> Any:
        import rattler

        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="fastenv-repodata-")
        path = Path(self._folder.name) / f"{len(self._known)}.json"
        faults = []
        for name in ("repodata.json.zst", "repodata.json"):
            try:
                self._download(f"{base}/{subdir}/{name}", path, packed=name.endswith(".zst"))
            except NetworkError as error:
                faults.append(str(error))
                continue
            return rattler.SparseRepoData(rattler.Channel(without_login(base)), subdir, path)
        return f"the channel has no repodata: {faults[-1]}".replace(base, without_login(base))

    def _download(self, url: str, path: Path, *, packed: bool) -> None:
        import zstandard

        with self._transport.request(url) as answer, path.open("wb") as stream:
            if packed:
                zstandard.ZstdDecompressor().copy_stream(answer, stream)
                return
            while block := answer.read(_BLOCK):
                stream.write(block)


def _base_url(channel: str) -> str:
    """The address of a channel, which may be given by name. Raises ValueError."""
    if channel.startswith(("http://", "https://")):
        return channel.rstrip("/")
    if not channel or channel in ("defaults", "<unknown>") or "://" in channel:
        raise ValueError("no address is recorded")
    import rattler

    try:
        return str(rattler.Channel(channel).base_url).rstrip("/")
    except Exception as error:  # py-rattler has no exported kind for this one
        raise ValueError(str(error)) from error
