"""From an installed distribution back to a wheel: exactly the files that are here, as they are here.

No repository, compiler or login is needed. Left out is what every installer makes anew: byte code, scripts of
entry points, RECORD, INSTALLER, REQUESTED and direct_url.json. Scripts that an installer made to name this
environment's interpreter name any interpreter again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from packaging.tags import parse_tag

from fastenv.build.egg_metadata import egg_metadata
from fastenv.build.installed_files import InstalledFile, installed_files
from fastenv.build.wheel_file import Contents, Entry, NotPackable, wheel_filename
from fastenv.scan.installed import canonical, same_version
from fastenv.scan.inventory import Distribution, Interpreter, Inventory

__all__ = ["contents_of", "contents_of_files", "entry_of", "fitting_tags", "is_machine_code", "wheel_text"]

# the form that pip and distlib give to first lines that are too long for a kernel
_NAMED = rb"(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\s\"']+))([^\n]*)"
_SH_LINE = re.compile(rb"#!/bin/sh\n'''exec' " + _NAMED + rb"\n' '''\n")
_FIRST_LINE = re.compile(rb"#! *" + _NAMED)
_PYTHON = re.compile(rb"(?:python|pypy)w?[\d.]*t?")


def contents_of(it: Distribution, inventory: Inventory) -> Contents:
    """What a wheel of the installed ``it`` holds.

    Raises NotPackable, with the reason, where no wheel can hold it; OSError where a file cannot be read.
    """
    return contents_of_files(it, installed_files(it, inventory.distributions), inventory)


def contents_of_files(it: Distribution, files: Sequence[InstalledFile], inventory: Inventory) -> Contents:
    """The same of these files, the metadata of a .dist-info among them. Without tags, they are told from the files."""
    if inventory.interpreter is None:
        raise NotPackable("the environment has no python")
    stem = os.path.basename(it.metadata_path).removesuffix(".dist-info")
    _check_stem(it, stem)
    if it.format != "dist-info":
        stem = f"{it.display_name.replace('-', '_')}-{it.version.replace('-', '_')}"
    entries = [entry_of(file, stem, inventory.interpreter) for file in files]
    tags = it.tags or fitting_tags((file.file for file in files), inventory)
    if it.format != "dist-info":
        entries += [Entry(f"{stem}.dist-info/{name}", text) for name, text in egg_metadata(it)]
    if not it.tags:
        entries = [entry for entry in entries if entry.name != f"{stem}.dist-info/WHEEL"]
        entries.append(Entry(f"{stem}.dist-info/WHEEL", wheel_text(tags)))
    return Contents(wheel_filename(it.name, it.version, tags, it.build), stem, tuple(entries))


def _check_stem(it: Distribution, stem: str) -> None:
    """A folder of another name or version than METADATA's gives a wheel that nobody takes."""
    if it.format != "dist-info":
        return
    name, _, version = stem.partition("-")
    if canonical(name) != it.name or not same_version(version.replace("_", "-"), it.version):
        raise NotPackable(f"its folder {stem}.dist-info is of another name or version than its METADATA")


def entry_of(row: InstalledFile, stem: str, interpreter: Interpreter) -> Entry:
    """The file as an entry of the wheel of ``stem``."""
    kind, _, rest = row.install_path.partition("/")
    executable = bool(os.stat(row.file).st_mode & 0o111)
    if kind == "site":
        # a second .dist-info at the top would make it two wheels
        top = rest.partition("/")[0]
        foreign = top.endswith((".dist-info", ".data")) and top != f"{stem}.dist-info"
        return Entry(f"{stem}.data/purelib/{rest}" if foreign else rest, row.file, executable)
    if kind == "headers":
        own, _, below = rest.partition("/")
        if own == stem.partition("-")[0] and below:
            return Entry(f"{stem}.data/headers/{below}", row.file, executable)
        return Entry(f"{stem}.data/data/include/python{interpreter.series}/{rest}", row.file, executable)
    if rest.startswith("bin/"):
        text = _script(row.file, interpreter)
        if text is not None:
            return Entry(f"{stem}.data/scripts/{rest[4:]}", text, executable=True)
    return Entry(f"{stem}.data/data/{rest}", row.file, executable)


def _script(file: str, interpreter: Interpreter) -> bytes | None:
    """The text of a script with ``#!python`` where it names an interpreter of this environment; None for a file
    of another kind, or with another first line.
    """
    with open(file, "rb") as stream:
        if stream.read(2) != b"#!":
            return None
        text = b"#!" + stream.read()
    match = _SH_LINE.match(text) or _FIRST_LINE.match(text)
    if match is None:
        return None
    program, arguments = match[1] or match[2] or match[3], match[4]
    if not _is_ours(program, interpreter):
        return None
    if match.re is _SH_LINE:
        arguments = arguments.replace(b' "$0" "$@"', b"")
        return b"#!python" + arguments + b"\n" + text[match.end() :]
    return b"#!python" + arguments + text[match.end() :]


def _is_ours(program: bytes, interpreter: Interpreter) -> bool:
    folder, _, name = program.rpartition(b"/")
    places = {f"{root}/bin" for root in (interpreter.prefix, interpreter.base_prefix)}
    places.add(os.path.dirname(interpreter.base_executable))
    return _PYTHON.fullmatch(name) is not None and os.fsdecode(folder) in places


def fitting_tags(files: Iterable[str], inventory: Inventory) -> tuple[str, ...]:
    """The tags of what nobody gave any: those of this interpreter and platform if there is machine code."""
    if not any(is_machine_code(file) for file in files):
        return ("py3-none-any",)
    facts = inventory.interpreter
    if facts is None:
        raise NotPackable("the environment has no python")
    flags = facts.soabi.partition("-")[2].partition("-")[0]
    short = {"cpython": "cp", "pypy": "pp"}.get(facts.implementation, facts.implementation)
    python = short + facts.series.replace(".", "")
    abi = (
        f"cp{flags}" if short == "cp" and flags else facts.soabi.replace("-", "_").replace(".", "_") or "none"
    )
    return (f"{python}-{abi}-{inventory.platform.os}_{inventory.platform.arch}",)


def is_machine_code(file: str) -> bool:
    """Whether a file is a shared object of ELF."""
    if not (file.endswith(".so") or ".so." in os.path.basename(file)):
        return False
    with open(file, "rb") as stream:
        return stream.read(4) == b"\x7fELF"


def wheel_text(tags: Iterable[str]) -> bytes:
    """The text of WHEEL for these tags."""
    spelled = sorted({str(tag) for text in tags for tag in parse_tag(text)})
    pure = all(tag.endswith("-none-any") for tag in spelled)
    return "".join(_wheel_lines(spelled, pure=pure)).encode()


def _wheel_lines(tags: Iterable[str], *, pure: bool) -> Iterator[str]:
    yield "Wheel-Version: 1.0\n"
    yield "Generator: fastenv\n"
    yield f"Root-Is-Purelib: {str(pure).lower()}\n"
    for tag in tags:
        yield f"Tag: {tag}\n"
