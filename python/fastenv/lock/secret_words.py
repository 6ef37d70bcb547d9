"""What looks like a credential in an address, and texts without any."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

__all__ = ["holds_token", "looks_secret", "masked", "tokens_of"]

_TOKEN_LENGTH = 24
_MASK = "****"
_USER_INFO = re.compile(r"(?<=://)[^\s/@'\"`]+@")
_QUERY = re.compile(r"(https?://[^\s?#'\"`]+)\?[^\s'\"`]+")


def looks_secret(word: str) -> bool:
    """Whether a word is long and random, as the tokens of hosted indexes are."""
    word = word.replace("-", "").replace("_", "")
    letters, digits = re.search(r"[A-Za-z]", word), len(re.findall(r"\d", word))
    return len(word) >= _TOKEN_LENGTH and word.isalnum() and letters is not None and digits >= 4


def tokens_of(url: str) -> Iterator[str]:
    """The components of a URL's path that look like tokens."""
    return (part for part in urlsplit(url).path.split("/") if looks_secret(part))


def holds_token(url: str) -> bool:
    """Whether the path of a URL seems to hold a token."""
    return next(tokens_of(url), None) is not None


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these words, and without user info and queries of any address in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _QUERY.sub(rf"\1?{_MASK}", _USER_INFO.sub(f"{_MASK}@", text))
