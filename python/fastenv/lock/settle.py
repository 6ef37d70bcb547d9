"""Pins to the wheels that are installed: ask the sources, compare, ask the other sources for what is not it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fastenv.lock.choose import Choice, Look, choose
from fastenv.lock.pins import Candidate, Pin, Resolver
from fastenv.lock.recent import Recent
from fastenv.lock.sources import Source
from fastenv.scan.inventory import Distribution

__all__ = ["Settled", "settle"]


@dataclass
class Settled:
    """By name: the choices, each with a wheel or with the reason why none fits; and uv's words on those that no
    source has.
    """

    choices: dict[str, Choice] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def settle(
    distributions: Iterable[Distribution],
    groups: Sequence[Sequence[Source]],
    resolver: Resolver,
    look: Look,
    recent: Recent,
) -> Settled:
    """Look for each distribution's wheel in the first group of sources, and for what that lacks in the next.

    Within a group a pin whose wheel turns out to be another one is asked of the group's other sources.
    """
    settled = Settled()
    everything = {it.name: it for it in distributions}
    settled.choices = _recalled(everything, recent, look)
    left = {name: it for name, it in everything.items() if name not in settled.choices}
    for group in groups:
        if left and group:
            settled.choices |= _in_group(left, group, resolver, look, settled.missing)
            left = {name: it for name, it in left.items() if not _is_settled(settled.choices.get(name))}
    for name, choice in settled.choices.items():
        if choice.wheel is not None:
            recent.keep(everything[name], choice.wheel)
    settled.missing = {name: settled.missing.get(name, "") for name in left if name not in settled.choices}
    return settled


def _recalled(distributions: Mapping[str, Distribution], recent: Recent, look: Look) -> dict[str, Choice]:
    offers = {name: (it, [wheel]) for name, it in distributions.items() if (wheel := recent.recall(it))}
    return {name: choice for name, choice in choose(offers, look).items() if choice.wheel is not None}


def _is_settled(choice: Choice | None) -> bool:
    return choice is not None and choice.wheel is not None


def _in_group(
    distributions: Mapping[str, Distribution],
    group: Sequence[Source],
    resolver: Resolver,
    look: Look,
    missing: dict[str, str],
) -> dict[str, Choice]:
    choices: dict[str, Choice] = {}
    tried: dict[str, frozenset[str]] = {name: frozenset() for name in distributions}
    while tried:
        offers = _offers(distributions, tried, group, resolver, missing)
        found = choose({name: (distributions[name], wheels) for name, wheels in offers.items()}, look)
        # the first reason is of the source that is preferred, so it is the one to tell
        choices = {**found, **{n: c for n, c in choices.items() if not _is_settled(found.get(n))}}
        tried = {
            name: tried[name] | {wheels[0].source.key}
            for name, wheels in offers.items()
            if found[name].wheel is None and wheels[0].source is not None
        }
        tried = {name: keys for name, keys in tried.items() if len(keys) < len(group)}
    return choices


def _offers(
    distributions: Mapping[str, Distribution],
    tried: Mapping[str, frozenset[str]],
    group: Sequence[Source],
    resolver: Resolver,
    missing: dict[str, str],
) -> dict[str, tuple[Candidate, ...]]:
    """What the sources not yet tried offer; names with the same ones left are asked together."""
    together: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for name, keys in tried.items():
        together[keys].append(name)
    offers: dict[str, tuple[Candidate, ...]] = {}
    for keys, names in together.items():
        pins = [Pin(name, distributions[name].version) for name in names]
        found = resolver.find(pins, [source for source in group if source.key not in keys])
        for pin, words in found.missing.items():
            missing.setdefault(pin.name, words)  # the preferred group's words
        offers |= {pin.name: wheels for pin, wheels in found.wheels.items()}
    return offers
