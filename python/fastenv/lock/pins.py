"""Pins to wheels: asks uv which files the sources have for ``name===version``.

uv runs as a subprocess with a settings file of ours in place of every other, so that what it asks is what
``sources.py`` found. Logins stand in that file (mode 0600, gone afterwards), in netrc or in the environment,
never on a command line. Pins are ``===``: ``==1.0`` would take ``1.0+cpu`` instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import tomli_w
from packaging.utils import canonicalize_name

from fastenv.exceptions import LockError, NetworkError
from fastenv.lock import toml
from fastenv.lock.at_once import each
from fastenv.lock.sources import Network, Source, redact

__all__ = ["Candidate", "Found", "Pin", "Resolver", "SettingsFile", "Target", "uv_environment"]

# what would change the answer: constraints, choices among versions, builds; and what our file replaces
_DROPPED = re.compile(
    r"UV_((DEFAULT_|EXTRA_)?INDEX(_URL|_STRATEGY)?|FIND_LINKS|NO_INDEX|CONFIG_FILE|NO_CONFIG|CONSTRAINT|OVERRIDE"
    r"|BUILD_CONSTRAINT|EXCLUDE.*|NO_BINARY.*|NO_BUILD.*|ONLY_BINARY.*|PRERELEASE.*|RESOLUTION|FORK_STRATEGY"
    r"|REQUIRE_HASHES|NO_VERIFY_HASHES|TORCH_BACKEND|PYTHON|SYSTEM_PYTHON|CUSTOM_COMPILE_COMMAND|PREVIEW.*"
    r"|NO_SOURCES.*|PUBLISH_.*|WORKING_DIR|PROJECT|COMPILE_BYTECODE|ISOLATED)"
)

_SUSPECTS = 24  # pins that fail in uv's cache before the network is asked again
_PROCESSES = 4
_OPTIONS = (
    *("--no-deps", "--index-strategy", "unsafe-best-match", "--only-binary", ":all:"),
    *("--prerelease", "allow", "--no-header", "--no-strip-extras", "--no-python-downloads"),
    *("--color", "never", "--no-progress", "--quiet"),
)


@dataclass(frozen=True)
class Pin:
    """A normalized name (PEP 503) and the version as its metadata spells it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}==={self.version}"


@dataclass(frozen=True)
class Candidate:
    """A wheel that a source offers. ``url`` is as the source gives it: http(s) or file."""

    filename: str
    url: str = field(repr=False)
    sha256: str
    size: int | None
    source: Source | None = None

    @property
    def key(self) -> str:
        """For our cache: the same URL may come to hold other bytes, and a part of it may be a token."""
        return hashlib.sha256(f"{redact(self.url)}#{self.sha256}".encode()).hexdigest()


@dataclass(frozen=True)
class Target:
    """The interpreter that wheels must fit. Where it is not on this machine, ``executable`` is another one and
    ``platform``, in uv's words, says what to choose for; else ``platform`` is empty.
    """

    executable: str
    version: str
    platform: str

    def options(self) -> list[str]:
        """Uv's options for it."""
        own = ["--python", self.executable]
        if not self.platform:
            return own
        return [*own, "--python-version", self.version, "--python-platform", self.platform]


@dataclass
class Found:
    """What the sources have: wheels for each pin that has any, and uv's words for each that has none."""

    wheels: dict[Pin, tuple[Candidate, ...]] = field(default_factory=dict)
    missing: dict[Pin, str] = field(default_factory=dict)


class Resolver:
    """Asks uv; ``environ`` is the environment to run it in, ``secrets`` what no message may repeat."""

    def __init__(
        self,
        target: Target,
        network: Network,
        *,
        environ: Mapping[str, str],
        secrets: Iterable[str] = (),
    ) -> None:
        self._target = target
        self._network = network
        self._environ = uv_environment(environ, network)
        self._secrets = sorted(secrets, key=len, reverse=True)

    def find(self, pins: Sequence[Pin], sources: Sequence[Source]) -> Found:
        """Ask ``sources`` for ``pins``. uv names one pin that fails at a time: that one is taken out and the
        rest asked again, until all are known.

        Raises NetworkError when a source can't be reached, LockError when uv itself fails.
        """
        found = Found()
        asked, refreshed = list(pins), set[Pin]()
        while asked and sources:
            run = self._compile(asked, sources, refresh=refreshed)
            if run.text is not None:
                found.wheels = _candidates(run.text, asked)
                break
            self._network_fault(run.complaint, sources)
            named = self._failing(run.complaint, asked, sources)
            if any(source.is_http for source in sources) and not refreshed.issuperset(named):
                refreshed.update(named)  # the page in uv's cache may be older than the release
                continue
            failing = {pin: _because(run.complaint) for pin in named}
            failing |= self._sweep([pin for pin in asked if pin not in failing], sources)
            found.missing |= failing
            asked = [pin for pin in asked if pin not in failing]
        found.missing |= {pin: "no source has it" for pin in pins if pin not in found.wheels | found.missing}
        if found.wheels:
            self._name_sources(found, sources)
        return found

    def extend(
        self,
        requirements: Sequence[str],
        held: Sequence[Pin],
        sources: Sequence[Source],
        local: Mapping[str, Candidate],
    ) -> Found:
        """Resolve ``requirements`` and what they require; what is ``held`` keeps its version, and is found too where
        they require it. ``local`` are wheels of this machine that they name, by name.

        Raises LockError with uv's words where there is no solution, NetworkError when a source can't be reached.
        """
        options = [word for word in _OPTIONS if word != "--no-deps"]
        options[options.index("allow")] = "if-necessary-or-explicit"
        form = ["--format", "pylock.toml", "--generate-hashes", *self._target.options(), *options]
        with (
            SettingsFile(sources, self._network) as settings,
            tempfile.NamedTemporaryFile("w", prefix="fastenv-held-", suffix=".txt", encoding="utf-8") as pins,
        ):
            pins.write("".join(f"{pin}\n" for pin in held))
            pins.flush()
            words = ["pip", "compile", "-", "--config-file", settings, *form, "--constraints", pins.name]
            run = self._run(words, "".join(f"{text}\n" for text in requirements))
        self._network_fault(run.complaint, sources)
        if run.text is None:
            reason = f"the extra packages do not go with what is installed: {_because(run.complaint)}"
            raise LockError(reason, hint="change extra, or install what it needs here too")
        rows = toml.loads(run.text).get("packages", [])
        direct = {_pin(row): _of_no_index(row, local) for row in rows if not row.get("wheels")}
        found = Found(_candidates(run.text, [_pin(row) for row in rows]))
        if found.wheels:
            self._name_sources(found, sources)
        found.wheels |= {pin: (wheel,) for pin, wheel in direct.items()}
        return found

    def _failing(self, complaint: str, asked: Sequence[Pin], sources: Sequence[Source]) -> list[Pin]:
        """The pin that a complaint is about; some failing pin if we can't read it."""
        return _named(complaint, asked) or self._bisect(asked, sources)

    def _sweep(self, pins: Sequence[Pin], sources: Sequence[Source]) -> dict[Pin, str]:
        """More failing pins, quickly: those that fail in uv's cache, which costs a tenth of asking the network,
        are suspects, and each is then asked alone and for certain.
        """
        suspects: list[Pin] = []
        left = list(pins) if any(source.is_http for source in sources) else []
        while left and len(suspects) < _SUSPECTS:
            run = self._compile(left, sources, offline=True)
            named = [] if run.text is not None else _named(run.complaint, left)
            if not named:
                break
            suspects += named
            left = [pin for pin in left if pin not in named]
        failing = {}
        for pin, run in each(
            lambda pin: self._compile([pin], sources, refresh=[pin]), suspects, threads=_PROCESSES
        ):
            self._network_fault(run.complaint, sources)
            if run.text is None:
                failing[pin] = _because(run.complaint)
        return failing

    def _bisect(self, pins: Sequence[Pin], sources: Sequence[Source]) -> list[Pin]:
        """One failing pin, found by halves: for words of uv that we don't understand."""
        if len(pins) == 1:
            return list(pins)
        half = len(pins) // 2
        run = self._compile(pins[:half], sources)
        return self._bisect(pins[:half] if run.text is None else pins[half:], sources)

    def _name_sources(self, found: Found, sources: Sequence[Source]) -> None:
        """Give each wheel the source that it is from: uv's pylock doesn't say, its requirements.txt does."""
        pins = list(found.wheels)
        named: dict[str, Source] = {}
        if len(sources) > 1 or sources[0].is_default:
            # one pin is enough to learn the address of a default index that is the only one
            named = self._annotated(pins if len(sources) > 1 else pins[:1], sources)
        only = next(iter(named.values()), sources[0]) if len(sources) == 1 else None
        for pin, wheels in found.wheels.items():
            source = only or named.get(pin.name) or _by_host(wheels[0], sources)
            found.wheels[pin] = tuple(replace(wheel, source=source) for wheel in wheels)

    def _annotated(self, pins: Sequence[Pin], sources: Sequence[Source]) -> dict[str, Source]:
        """The source of each name, as far as uv tells it."""
        run = self._compile(pins, sources, annotate=True, offline=True)
        if run.text is None:  # where uv keeps no cache
            run = self._compile(pins, sources, annotate=True)
        default = next((source for source in sources if source.is_default), None)
        # of two that look alike, the one with more to hide
        ranked = sorted(sources, key=lambda source: len(source.url))
        by_url = {source.shown.rstrip("/"): source for source in ranked}
        named = {}
        for name, url in _annotations(run.text or ""):
            source = by_url.get(redact(url).rstrip("/"))
            if source is None and default is not None:
                source = replace(default, url=redact(url))
            if source is not None:
                named[name] = source
        return named

    def _compile(
        self,
        pins: Sequence[Pin],
        sources: Sequence[Source],
        *,
        annotate: bool = False,
        offline: bool = False,
        refresh: Iterable[Pin] = (),
    ) -> _Run:
        form = ["--emit-index-annotation"] if annotate else ["--format", "pylock.toml", "--generate-hashes"]
        words = [*form, *self._target.options(), *_OPTIONS, *(["--offline"] if offline else [])]
        for pin in refresh:
            words += ["--refresh-package", pin.name]
        with SettingsFile(sources, self._network) as settings:
            return self._run(
                ["pip", "compile", "-", "--config-file", settings, *words],
                "".join(f"{pin}\n" for pin in pins),
            )

    def _run(self, words: list[str], text: str) -> _Run:
        import uv

        command = [uv.find_uv_bin(), *words]
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, env=self._environ, check=False
            )
        except OSError as error:
            raise LockError(
                f"uv cannot be started: {error}", path=command[0], hint="pip install uv"
            ) from error
        if done.returncode == 0:
            return _Run(done.stdout, "")
        complaint = done.stderr
        for secret in self._secrets:
            complaint = complaint.replace(secret, "****")
        if "No solution found" not in complaint and not _is_network(complaint) and not _is_build(complaint):
            raise LockError(f"uv pip compile failed: {_because(complaint)}")
        return _Run(None, complaint)

    def _network_fault(self, complaint: str, sources: Sequence[Source]) -> None:
        if _is_network(complaint) and "No solution found" not in complaint:
            lines = [line.strip().removeprefix("cause: ") for line in complaint.splitlines() if line.strip()]
            raise NetworkError(
                f"{_unreached(complaint, sources)} can't be reached: "
                f"{lines[0].removeprefix('error: ')} ({lines[-1]})",
                hint="check the index settings of uv and pip, the network and the proxy",
            )


@dataclass(frozen=True)
class _Run:
    text: str | None
    complaint: str


def _unreached(complaint: str, sources: Sequence[Source]) -> str:
    """The source that uv complains of, or all that it may be, each without its login."""
    asked = [source.shown for source in sources if source.is_http]
    told = [redact(url) for url in re.findall(r"https?://[^\s`'\")]+", complaint)]
    named = [it for it in asked if any(f"{url}/".startswith(f"{it.rstrip('/')}/") for url in told)]
    *others, last = named or asked or ["an index"]
    return f"{', '.join(others)} or {last}" if others else last


class SettingsFile:
    """A uv.toml with these sources and nothing else that chooses; mode 0600, removed at the end."""

    def __init__(self, sources: Sequence[Source], network: Network) -> None:
        self._table = _settings(sources, network)

    def __enter__(self) -> str:
        handle, self._path = tempfile.mkstemp(prefix="fastenv-uv-", suffix=".toml")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(tomli_w.dumps(self._table))
        return self._path

    def __exit__(self, *_: object) -> None:
        Path(self._path).unlink(missing_ok=True)


def _settings(sources: Sequence[Source], network: Network) -> dict[str, Any]:
    indexes: list[dict[str, Any]] = []
    for source in sources:
        if source.kind == "index" and not source.is_default:
            name = {} if source.name is None else {"name": source.name}
            indexes.append({**name, "url": source.url, **source.options})
    with_default = any(source.is_default for source in sources)
    if indexes and not with_default:
        indexes[-1]["default"] = True  # else uv adds its own
    table: dict[str, Any] = dict(network.uv)
    table["allow-insecure-host"] = list(network.trusted_hosts)
    table["find-links"] = [_link(source) for source in sources if source.kind == "find-links"]
    table["no-index"] = not (indexes or with_default)
    if network.keyring:
        table["keyring-provider"] = "subprocess"
    return {**table, **({"index": indexes} if indexes else {})}


def _link(source: Source) -> str:
    return source.url if source.folder is None else str(source.folder)


def uv_environment(environ: Mapping[str, str], network: Network) -> dict[str, str]:
    """The variables to run uv with: those of the user, but none that would change what it is asked."""
    kept = {k: v for k, v in environ.items() if not (_DROPPED.fullmatch(k) or k.startswith("PIP_"))}
    if network.proxy:
        for scheme in ("HTTP_PROXY", "HTTPS_PROXY"):
            if scheme not in kept and scheme.lower() not in kept:
                kept[scheme] = network.proxy
    if network.cert and not kept.get("SSL_CERT_FILE") and not kept.get("SSL_CERT_DIR"):
        kept["SSL_CERT_DIR" if Path(network.cert).is_dir() else "SSL_CERT_FILE"] = network.cert
    if network.client_cert:
        kept.setdefault("SSL_CLIENT_CERT", network.client_cert)
    return kept


def _candidates(text: str, pins: Iterable[Pin]) -> dict[Pin, tuple[Candidate, ...]]:
    packages = {p["name"]: p for p in toml.loads(text).get("packages", [])}
    found: dict[Pin, tuple[Candidate, ...]] = {}
    for pin in pins:
        wheels = packages.get(pin.name, {}).get("wheels", [])
        if wheels:
            found[pin] = tuple(_candidate(wheel) for wheel in wheels)
    return found


def _candidate(wheel: Mapping[str, Any]) -> Candidate:
    url = wheel.get("url") or Path(wheel["path"]).absolute().as_uri()
    name = wheel.get("name") or unquote(urlsplit(url).path.rpartition("/")[2])
    return Candidate(name, url, wheel["hashes"]["sha256"], wheel.get("size"))


def _pin(row: Mapping[str, Any]) -> Pin:
    return Pin(row["name"], row.get("version", ""))


def _of_no_index(row: Mapping[str, Any], local: Mapping[str, Candidate]) -> Candidate:
    """The wheel that a requirement names by its place. Raises LockError where it names something else."""
    name = str(row["name"])
    if name in local:
        return local[name]
    url = str(row.get("archive", {}).get("url", ""))
    filename = unquote(urlsplit(url).path.rpartition("/")[2])
    if not filename.endswith(".whl"):
        raise LockError(
            f"extra: {name} is required from a place that is no index and holds no wheel",
            package=name,
            hint=f"name {name} in extra itself, by a folder, a source archive on this machine or a Git URL",
        )
    return Candidate(filename, url, row["archive"]["hashes"]["sha256"], row["archive"].get("size"))


def _by_host(wheel: Candidate, sources: Sequence[Source]) -> Source:
    """The source that a wheel is most probably from: one of the same host; else the least trusted, the first
    one, since an index that is wrongly taken for private does no harm.
    """
    host = urlsplit(wheel.url).netloc
    return next((s for s in sources if urlsplit(s.url).netloc.endswith(host)), sources[0])


def _annotations(text: str) -> Iterable[tuple[str, str]]:
    """(name, source URL) from a requirements.txt with ``# from URL`` below each requirement."""
    name = ""
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)", line):
            name = canonicalize_name(match[1])
        elif match := re.match(r"\s+# from (\S+)", line):
            yield name, match[1]


def _named(complaint: str, asked: Iterable[Pin]) -> list[Pin]:
    """The pin that uv says has no solution: the first one that its explanation names."""
    text = _because(complaint)
    first: tuple[int, Pin] | None = None
    for pin in asked:
        match = re.search(rf"(?<![A-Za-z0-9._-]){re.escape(pin.name)}(?=(==|\s))", text)
        if match and (first is None or match.start() < first[0]):
            first = (match.start(), pin)
    return [first[1]] if first else []


def _because(complaint: str) -> str:
    """Uv's explanation on one line, without its headings and hints."""
    kept = " ".join(complaint.partition("\nhint:")[0].split())
    return kept.partition("cause: ")[2] or kept.removeprefix("error: ")


def _is_network(complaint: str) -> bool:
    return bool(re.search(r"Failed to fetch|error sending request|client error|Request failed", complaint))


def _is_build(complaint: str) -> bool:
    return bool(re.search(r"Failed to (build|download|read|parse)|[Mm]etadata", complaint))
