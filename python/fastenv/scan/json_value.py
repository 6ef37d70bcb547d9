"""Frozen dataclasses to JSON values and back, by their type hints, strictly.

Reading is strict so that an inventory that was edited or damaged is refused where the fault is,
and not in a later stage: every field must be there, none may be unknown, and each has its
declared type.
"""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from fastenv.exceptions import ScanError

__all__ = ["decode", "encode"]

T = TypeVar("T")


def encode(value: object) -> object:
    """A value of dataclasses, tuples, strings, numbers and None as what the json module writes."""
    if is_dataclass(value):
        return {name: encode(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], data: object, *, path: str | None = None) -> T:
    """The dataclass ``kind`` that ``data``, a parsed JSON value, describes.

    Raises ScanError naming ``path`` and the place in the value, such as
    ``distributions[3].origin.kind``.
    """
    try:
        return cast("T", _decode(kind, data, ""))
    except _Mismatch as error:
        message = f"{path or 'the text'} is not a sound inventory: {error}"
        raise ScanError(message, path=path, hint="scan the environment again") from error


class _Mismatch(Exception):
    """A value is not of its declared type."""


def _decode(kind: Any, data: object, place: str) -> object:
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind, data, place)
    origin = get_origin(kind)
    if origin is tuple:
        return _tuple(get_args(kind), data, place)
    if origin is Literal:
        if isinstance(data, str) and data in get_args(kind):
            return data
        raise _Mismatch(f"{place} is {data!r}, not one of {', '.join(map(repr, get_args(kind)))}")
    if origin in (Union, types.UnionType):
        inner = next(arm for arm in get_args(kind) if arm is not type(None))
        return None if data is None else _decode(inner, data, place)
    # bool is an int to Python, and must not be one to us.
    if type(data) is not kind:
        raise _Mismatch(f"{place} is {data!r}, not {kind.__name__}")
    return data


def _dataclass(kind: type, data: object, place: str) -> object:
    if not isinstance(data, dict):
        raise _Mismatch(f"{place or 'the value'} is not an object")
    hints = _hints(kind)
    unknown, missing = data.keys() - hints.keys(), hints.keys() - data.keys()
    if unknown or missing:
        word, names = ("unknown", unknown) if unknown else ("missing", missing)
        raise _Mismatch(f"{place or 'the value'}: {word} field {', '.join(sorted(names))}")
    return kind(
        **{name: _decode(hint, data[name], f"{place}.{name}".lstrip(".")) for name, hint in hints.items()}
    )


def _tuple(arms: tuple[Any, ...], data: object, place: str) -> tuple[object, ...]:
    if not isinstance(data, list):
        raise _Mismatch(f"{place} is not a list")
    if arms[-1] is Ellipsis:
        return tuple(_decode(arms[0], item, f"{place}[{at}]") for at, item in enumerate(data))
    if len(arms) != len(data):
        raise _Mismatch(f"{place} has {len(data)} items, not {len(arms)}")
    return tuple(
        _decode(arm, item, f"{place}[{at}]") for at, (arm, item) in enumerate(zip(arms, data, strict=True))
    )


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
