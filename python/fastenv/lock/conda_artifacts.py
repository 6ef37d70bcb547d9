"""For every conda package: where its archive can be had, and its sha256, however little its record tells.

What a record lacks is looked for in the package caches, in what was noted when the package was downloaded, in the
channel's repodata; last, an archive that only has an md5 is downloaded once, and its sha256 remembered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastenv.exceptions import Fault, NetworkError
from fastenv.lock import cache
from fastenv.lock.at_once import each
from fastenv.lock.channel_logins import ChannelLogins
from fastenv.lock.indexes import Publicity
from fastenv.lock.package_cache import Hashes, PackageCaches, agrees, hash_file
from fastenv.lock.repodata import Repodata
from fastenv.lock.sources import Source, file_path, redact
from fastenv.lock.transport import Refused, Transport
from fastenv.scan.conda_url import channel_of, holds_secret, without_login
from fastenv.scan.inventory import CondaPackage

__all__ = ["CondaArtifact", "CondaArtifacts"]

_THREADS = 16
_BLOCK = 1 << 20
_SERVER_FAULT = 500


@dataclass(frozen=True)
class CondaArtifact:
    """An archive that was found. ``source`` is where to get it now and may hold a secret: it is never shown.

    ``private`` says why not every node can get it from there; None if every node can.
    """

    package: CondaPackage
    source: str
    sha256: str
    md5: str
    size: int | None
    private: str | None


class CondaArtifacts:
    """Finds archives, many at a time.

    ``on_asked`` is told how many of how many are known, from the thread that calls ``find``.
    """

    def __init__(
        self,
        transport: Transport,
        publicity: Publicity,
        *,
        caches: PackageCaches,
        logins: ChannelLogins,
        environ: Mapping[str, str],
        on_asked: Callable[[int, int], object] = lambda *_: None,
    ) -> None:
        self.transport = transport
        self.publicity = publicity
        self.caches = caches
        self.logins = logins
        self.repodata = Repodata(transport)
        self._on_asked = on_asked
        self._path = cache.cache_folder(environ) / "conda-v1.json"
        self.stored = cache.load(self._path)
        self.fresh: dict[str, Any] = {}

    def find(self, packages: Sequence[CondaPackage]) -> tuple[list[CondaArtifact], list[Fault]]:
        """The archives, and a fault for each package whose archive can't be had.

        Raises NetworkError if a server can't be reached at all.
        """
        found: list[CondaArtifact] = []
        faults: list[Fault] = []
        order = sorted(packages, key=lambda it: -(it.size or 0))
        with self.repodata:
            self._find_all(order, found, faults)
        if self.fresh:
            cache.save(self._path, {**cache.load(self._path), **self.fresh})
        return sorted(found, key=lambda it: it.package.name), faults

    def _find_all(
        self, order: Sequence[CondaPackage], found: list[CondaArtifact], faults: list[Fault]
    ) -> None:
        for number, (_, outcome) in enumerate(each(self._find, order, threads=_THREADS), 1):
            if isinstance(outcome, Fault):
                faults.append(outcome)
            else:
                found.append(outcome)
            self._on_asked(number, len(order))

    def _find(self, package: CondaPackage) -> CondaArtifact | Fault:
        return _Search(self, package).run()


class _Search:
    """The search for one archive: what is known so far, and what was tried in vain."""

    def __init__(self, owner: CondaArtifacts, package: CondaPackage) -> None:
        self._owner = owner
        self._package = package
        raw = _raw(package, "url")
        self._url = raw if without_login(raw) else package.url
        self._channel = _raw(package, "channel") or package.channel
        self._tried: list[str] = []

    def run(self) -> CondaArtifact | Fault:
        """By its address, if that and a hash are known and it answers; else from where the bytes are."""
        self._complete()
        package = self._package
        found = self._at_url() or self._with_login() if self._can_be_asked() else None
        return found or self._in_caches() or self._fault(package)

    def _can_be_asked(self) -> bool:
        scheme = urlsplit(self._url).scheme
        if scheme and scheme not in ("http", "https", "file"):
            self._tried.append(f"an address of {scheme}: is none that can be asked")
        return scheme in ("http", "https", "file")

    def _complete(self) -> None:
        """Take what the record lacks from what was noted at the download, then from the channel."""
        if self._is_enough():
            return
        table = self._owner.caches.record(self._package)
        self._take(*(table.get(key) for key in ("url", "sha256", "md5", "size")))
        if self._is_enough() or next(self._owner.caches.archives(self._package), None):
            return
        if self._url and self._package.md5:
            return  # the archive itself will tell
        channel = (
            self._channel
            if "://" in self._channel
            else channel_of(self._url, self._channel, self._package.subdir)
        )
        listed = self._owner.repodata.find(self._package, channel)
        if isinstance(listed, str):
            self._tried.append(listed)
        else:
            self._take(listed.url, listed.sha256, listed.md5, listed.size)

    def _is_enough(self) -> bool:
        return bool(self._url and self._package.sha256)

    def _take(self, url: object, sha256: object, md5: object, size: object) -> None:
        """Fill in what is missing, from a source that agrees with what is known."""
        package = self._package
        claimed = [(package.sha256, sha256), (package.md5, md5), (package.size, size)]
        if any(mine and other and mine != other for mine, other in claimed):
            self._tried.append("what was noted elsewhere is of another archive")
            return
        if isinstance(url, str) and url and not self._url:
            self._url = url
        self._package = replace(
            package,
            sha256=package.sha256 or (sha256 if isinstance(sha256, str) else ""),
            md5=package.md5 or (md5 if isinstance(md5, str) else ""),
            size=package.size if package.size is not None else size if isinstance(size, int) else None,
        )

    def _with_login(self) -> CondaArtifact | None:
        """The same address with a login that conda or rattler would use."""
        bare = self._url
        for address in self._owner.logins.addresses(bare) if not holds_secret(bare) else ():
            self._url = address
            found = self._at_url()
            if found is not None:
                return found
        self._url = bare
        return None

    def _at_url(self) -> CondaArtifact | None:
        shown = without_login(self._url)
        try:
            local = file_path(self._url)
            if local is not None:
                return self._checked(self._url, hash_file(local), shown)
            if not self._package.sha256:
                return self._downloaded(shown)
            size = self._owner.transport.size(self._url)
        except Refused as error:
            if error.status >= _SERVER_FAULT:
                raise NetworkError(str(error).replace(redact(self._url), shown)) from None
            self._tried.append(f"{shown} is gone: its server answers {error.status}")
            return None
        except NetworkError as error:
            raise NetworkError(str(error).replace(redact(self._url), shown), hint=error.hint) from None
        except OSError as error:
            self._tried.append(f"{shown} is gone: {error.strerror}")
            return None
        known = self._package.size
        if size is not None and known is not None and size != known:
            self._tried.append(f"{shown} has {size} bytes there, and had {known} when it was installed")
            return None
        return self._artifact(self._url, size=size)

    def _downloaded(self, shown: str) -> CondaArtifact | None:
        """The archive of which only the md5 is known; its sha256 is asked of it once."""
        package, owner = self._package, self._owner
        if not package.md5:
            self._tried.append(f"nothing tells the hash that {shown} had")
            return None
        key = f"{shown}#{package.md5}"
        stored = owner.stored.get(key)
        if isinstance(stored, list) and len(stored) == 2:
            owner.transport.size(self._url)  # is it there still?
            return self._checked(self._url, (stored[0], package.md5, stored[1]), shown)
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with owner.transport.request(self._url) as answer:
            while block := answer.read(_BLOCK):
                sha256.update(block)
                md5.update(block)
                size += len(block)
        found = self._checked(self._url, (sha256.hexdigest(), md5.hexdigest(), size), shown)
        if found is not None:
            owner.fresh[key] = [found.sha256, size]
        return found

    def _checked(self, source: str, found: Hashes, shown: str) -> CondaArtifact | None:
        if not agrees(self._package, *found):
            self._tried.append(
                f"{shown} holds another archive than was installed (md5 {found[1]}, {found[2]} bytes)"
            )
            return None
        sha256, md5, size = found
        self._package = replace(self._package, sha256=sha256, md5=md5)
        return self._artifact(source, size=size)

    def _in_caches(self) -> CondaArtifact | None:
        for path, found in self._owner.caches.archives(self._package):
            why = "; ".join(dict.fromkeys(self._tried)) or "its address is not known"
            if self._package.sha256 or self._package.md5 or not self._tried:
                artifact = self._checked(path.as_uri(), found, str(path))
                return None if artifact is None else replace(artifact, private=why)
        places = ", ".join(map(str, self._owner.caches.folders)) or "there is none"
        self._tried.append(f"no package cache has its archive ({places})")
        return None

    def _artifact(self, source: str, *, size: int | None) -> CondaArtifact:
        package = self._package
        return CondaArtifact(
            package=replace(package, channel=channel_of(self._url, self._channel, package.subdir)),
            source=source,
            sha256=package.sha256,
            md5=package.md5,
            size=size if size is not None else package.size,
            private=self._private_reason(),
        )

    def _private_reason(self) -> str | None:
        """Why nodes can't get it by its address; as for indexes, the channel standing for the index."""
        if self._package.has_secret or holds_secret(self._url):
            return "its address holds a login or a token"
        channel = channel_of(self._url, "", self._package.subdir)
        source = Source(channel, "index")
        publicity = self._owner.publicity
        return publicity.private_reason(source) or publicity.file_reason(self._url, source)

    def _fault(self, package: CondaPackage) -> Fault:
        channel = without_login(self._channel) or self._channel or "a channel that its record does not tell"
        if "@" in channel or "/t/" in channel:
            channel = "its channel"
        reason = f"{package.file_name} of {channel} can't be had: {'; '.join(dict.fromkeys(self._tried))}"
        hint = (
            f"install a build that the channel has, or put {package.file_name} into a package cache "
            "(pkgs_dirs, $CONDA_PKGS_DIRS)"
        )
        return Fault(f"conda:{package.name}", package.version, reason, hint)


def _raw(package: CondaPackage, key: str) -> str:
    """A field of the record itself, which may hold what an inventory must not; "" if that is not here."""
    if not package.has_secret:
        return ""
    try:
        table = json.loads(Path(package.record).read_bytes())
    except (OSError, ValueError):
        return ""
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
