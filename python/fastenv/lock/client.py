"""How a request is made: proxies, certificates, logins, redirects, and what is tried again.

Imported when there is a first request: with the system's certificates, that takes longer than a lock of what is known.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit, urlunsplit

from fastenv.exceptions import NetworkError
from fastenv.lock.credentials import Credentials, realm
from fastenv.lock.sources import Network, redact
from fastenv.lock.transport import NoRanges, Refused

__all__ = ["Client"]

_TIMEOUT_S = 30.0
_TRIES = 4
_LONGEST_WAIT_S = 20.0
_RETRIED = (408, 429, 500, 502, 503, 504)


class Client:
    """Requests with the user's proxies, certificates and logins. Safe to use from many threads."""

    def __init__(self, network: Network, credentials: Credentials) -> None:
        self._credentials = credentials
        self._network = network
        self._trusted = {host.lower() for host in network.trusted_hosts}
        self._opener = self._opener_with(_context(network))
        self._trusting = self._opener_with(_unchecked_context()) if self._trusted else self._opener

    def _opener_with(self, context: ssl.SSLContext) -> urllib.request.OpenerDirector:
        proxies = urllib.request.ProxyHandler(_proxies(self._network))
        checked = urllib.request.HTTPSHandler(context=context)
        return urllib.request.build_opener(checked, proxies, _Redirects(self._authorize))

    @contextmanager
    def request(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """One answer, its body unread; what may pass by itself is tried again. Raises NetworkError."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise NetworkError(f"{redact(url)} is no http address")
        asked = urllib.request.Request(_bare(url), method=method, headers=dict(headers or {}))  # noqa: S310
        asked.add_header("Accept-Encoding", "identity")
        self._authorize(asked, url)
        answer = self._open(asked)
        try:
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise NetworkError(f"{redact(url)}: the connection broke: {_reason(error)}") from error
        finally:
            answer.close()

    def _authorize(self, request: urllib.request.Request, url: str) -> None:
        login = self._credentials.login(url)
        if login:
            word = base64.b64encode(f"{login[0]}:{login[1]}".encode()).decode()
            # "unredirected" headers stay behind when a redirect leads elsewhere
            request.add_unredirected_header("Authorization", f"Basic {word}")

    def _open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        parts = urlsplit(request.full_url)
        opener = self._trusting if {parts.hostname, parts.netloc} & self._trusted else self._opener
        for attempt in range(1, _TRIES + 1):
            try:
                return _answer(opener.open(request, timeout=_TIMEOUT_S))
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in _RETRIED or attempt == _TRIES:
                    raise _http_error(request.full_url, error) from None
                time.sleep(_wait(attempt, error.headers.get("Retry-After")))
            except (OSError, http.client.HTTPException) as error:
                if attempt == _TRIES:
                    raise NetworkError(
                        f"{redact(request.full_url)} can't be reached: {_reason(error)}"
                    ) from error
                time.sleep(_wait(attempt, None))
        raise AssertionError("unreachable: the last attempt raises")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, authorize: Any) -> None:
        self._authorize = authorize

    def redirect_request(  # noqa: PLR0917 # urllib's own signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message[str, str],
        newurl: str,
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if following is not None and realm(newurl) == realm(req.full_url):
            self._authorize(following, newurl)
        return following


def _answer(answer: Any) -> http.client.HTTPResponse:
    """What an opener gives, which typeshed does not tell."""
    return cast("http.client.HTTPResponse", answer)


def _bare(url: str) -> str:
    """The URL without user info and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def _http_error(url: str, error: urllib.error.HTTPError) -> NetworkError:
    if error.code == 416:
        return NoRanges(f"{redact(url)} does not come in parts")
    hint = "give a login in netrc, the URL or uv's settings" if error.code in (401, 403) else None
    refused = Refused(f"{redact(url)} answers {error.code} {error.reason}", hint=hint)
    refused.status = error.code
    return refused


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None) or error
    return str(inner) or type(inner).__name__


def _wait(attempt: int, retry_after: str | None) -> float:
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), _LONGEST_WAIT_S)
    return float(min(0.25 * 2**attempt, _LONGEST_WAIT_S))


def _context(network: Network) -> ssl.SSLContext:
    """Python's own defaults (SSL_CERT_FILE and SSL_CERT_DIR count), and pip's ``cert``."""
    context = ssl.create_default_context()
    if network.cert and Path(network.cert).exists():
        folder = Path(network.cert).is_dir()
        context.load_verify_locations(**{"capath" if folder else "cafile": network.cert})
    if network.client_cert and Path(network.client_cert).exists():
        context.load_cert_chain(network.client_cert)
    return context


def _unchecked_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _proxies(network: Network) -> dict[str, str] | None:
    """By scheme: the environment's, else uv's settings, else pip's; None leaves it to the environment."""
    found = urllib.request.getproxies()
    for scheme in ("http", "https"):
        other = network.uv.get(f"{scheme}-proxy") or network.proxy
        if scheme not in found and other:
            found[scheme] = str(other)
    return found
