"""Wheels that were installed by their URL (PEP 610): whoever can have them there need not get them from us."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from fastenv.exceptions import NetworkError
from fastenv.lock.choose import Choice, Look
from fastenv.lock.pins import Candidate
from fastenv.lock.sources import Source
from fastenv.scan.inventory import Distribution

__all__ = ["direct_choices"]


def direct_choices(distributions: Iterable[Distribution], look: Look) -> dict[str, Choice]:
    """By name, those whose URL still gives the wheel that is installed. ``look`` tells facts of wheels, by sha256."""
    offers = {it.name: (it, wheel) for it in distributions if (wheel := _wheel(it)) is not None}
    if not offers:
        return {}
    try:
        known = look([wheel for _, wheel in offers.values()])
    except NetworkError:
        return {}  # what is installed is here in any case
    return {
        name: Choice(wheel, known[wheel.sha256].size)
        for name, (it, wheel) in offers.items()
        if known[wheel.sha256].files_digest == it.files_digest is not None
    }


def _wheel(it: Distribution) -> Candidate | None:
    parts, hashes = urlsplit(it.origin.url), dict(it.origin.hashes)
    if it.origin.kind != "archive" or it.problems or parts.scheme not in ("http", "https"):
        return None
    name = unquote(parts.path.rpartition("/")[2])
    if not name.endswith(".whl") or "sha256" not in hashes:
        return None
    host = Source(f"{parts.scheme}://{parts.netloc}/", "index", is_direct=True)
    return Candidate(name, it.origin.url, hashes["sha256"], None, host)
