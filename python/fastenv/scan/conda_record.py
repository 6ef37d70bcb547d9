"""One record of conda-meta: the package that it speaks of, and the files that it says are the package's.

The fields are those of conda's, mamba's and rattler's records of the last ten years: any may be absent but the few
without which nothing is known. https://docs.conda.io/projects/conda/en/stable/dev-guide/specs/index.html
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any

from fastenv.listing import some_of
from fastenv.scan.conda_url import channel_of, holds_secret, without_login
from fastenv.scan.inventory import CondaPackage
from fastenv.scan.metadata import read_bytes

__all__ = ["CondaFile", "CondaRecord", "read_record"]

_NEEDED: dict[str, type] = {"name": str, "version": str, "build": str, "build_number": int, "files": list}
_HASH = {"sha256": re.compile(r"[0-9a-fA-F]{64}"), "md5": re.compile(r"[0-9a-fA-F]{32}")}
_ENDS = (".conda", ".tar.bz2")
_WORD = re.compile(r"[A-Za-z0-9_+!~=][A-Za-z0-9._+!~=-]*")
"""What names, versions, builds and names of archives are made of (CEP 26): they become names of files."""
_LARGEST = 2**63 - 1
_SCRIPT = re.compile(r"bin/\.(?P<name>.+)-(?:pre-link|post-link|pre-unlink)\.sh")
_SHORTCUTS = re.compile(r"menu/[^/]+\.json", re.IGNORECASE)
_SECRET = re.compile(r"(?<=//)[^/@\s]+@|(?<=/)t/[^/:\s]+/|^t/[^/:\s]+/")
"""A login or a token in a match spec, which may name a channel by its address."""


@dataclass(frozen=True, slots=True)
class CondaFile:
    """A file as a record names it; ``path`` is relative to the prefix.

    ``claimed`` is the path that the package asked for: rattler moves what loses against another package's file aside.
    ``sha256`` is of the archive's file, ``installed`` of the one in the prefix, where the two differ; empty where the
    record does not tell. ``kind`` is "file", "link", "directory", or "made" for what an installer writes and no
    archive holds. ``placeholder`` is the prefix that installers replace in it.
    """

    path: str
    claimed: str
    kind: str = "file"
    sha256: str = ""
    installed: str = ""
    placeholder: str = ""
    mode: str = ""

    @property
    def is_bytecode(self) -> bool:
        """Whether it follows from a source."""
        return self.path.endswith(".pyc")


@dataclass(slots=True)
class CondaRecord:
    """A record: the package, its files, and the stem of the record's file (``name-version-build``)."""

    package: CondaPackage
    files: list[CondaFile]
    stem: str


def read_record(path: str, site: str = "") -> CondaRecord | tuple[str, ...]:
    """The record at ``path``, its problems in the package; the reasons alone if it says too little for one.

    ``site`` is site-packages, relative to the prefix, if it is known: it may have another name (CEP 17).
    """
    try:
        table = json.loads(read_bytes(path))
    except OSError as error:
        return (f"the record cannot be read: {error.strerror}",)
    except (ValueError, RecursionError) as error:
        return (f"the record is no JSON: {error}",)
    if not isinstance(table, dict):
        return ("the record is no JSON object",)
    lacking = [key for key, kind in _NEEDED.items() if type(table.get(key)) is not kind]
    if lacking:
        return (f"the record lacks {', '.join(lacking)}",)
    stem = os.path.basename(path).removesuffix(".json")
    files, problems = _files(table, site)
    package = _package(table, path, files)
    problems += _problems(table, stem, package)
    return CondaRecord(replace(package, problems=tuple(problems)), files, stem)


def _package(table: dict[str, Any], path: str, files: list[CondaFile]) -> CondaPackage:
    url = _text(table, "url")
    file_name = _file_name(table, url)
    subdir = _text(table, "subdir") or _subdir(url, file_name)
    link = table.get("link")
    scripts = (_SCRIPT.fullmatch(file.path) for file in files)
    size = table.get("size")
    return CondaPackage(
        name=table["name"],
        version=table["version"],
        build=table["build"],
        build_number=table["build_number"],
        subdir=subdir,
        noarch=_noarch(table.get("noarch")),
        channel=channel_of(url, _text(table, "channel"), subdir),
        file_name=file_name,
        url=without_login(url) if url and url != "<unknown>" else "",
        has_secret=holds_secret(url) or holds_secret(_text(table, "channel")),
        md5=_hash(table, "md5"),
        sha256=_hash(table, "sha256"),
        size=size if type(size) is int and 0 <= size <= _LARGEST else None,
        requested=_requested(table),
        depends=_specs(table, "depends"),
        constrains=_specs(table, "constrains"),
        link_source=_text(link, "source") if isinstance(link, dict) else "",
        link_scripts=any(scripts),
        shortcuts=any(_SHORTCUTS.fullmatch(file.path) for file in files),
        site_packages=_text(table, "python_site_packages_path"),
        files=sum(not file.is_bytecode for file in files),
        record=path,
    )


def _file_name(table: dict[str, Any], url: str) -> str:
    """The archive's name; a record may have it as ``dist`` without its end."""
    name = _text(table, "fn")
    last = url.partition("?")[0].partition("#")[0].rpartition("/")[2]
    if not name.endswith(_ENDS) and last.endswith(_ENDS):
        name = last
    is_sound = name.endswith(_ENDS) and _WORD.fullmatch(name)
    return name if is_sound else f"{table['name']}-{table['version']}-{table['build']}.tar.bz2"


def _subdir(url: str, file_name: str) -> str:
    before, _, last = url.partition("?")[0].rpartition("/")
    return before.rpartition("/")[2] if last == file_name else ""


def _noarch(value: object) -> str:
    """Old records have ``true`` for what is now "generic"."""
    return value if value in ("python", "generic") and isinstance(value, str) else "generic" if value else ""


def _specs(table: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(filter(str.isprintable, _texts(table.get(key))))


def _requested(table: dict[str, Any]) -> tuple[str, ...]:
    """Rattler's list, or conda's one spec, which may be the text "None"."""
    specs = _texts(table.get("requested_specs"))
    one = _text(table, "requested_spec")
    found = specs or ((one,) if one and one != "None" else ())
    return tuple(_SECRET.sub("", spec) for spec in found if spec.isprintable())


def _problems(table: dict[str, Any], stem: str, package: CondaPackage) -> list[str]:
    found = []
    if stem != f"{package.name}-{package.version}-{package.build}":
        found.append(
            f"the record's file has another name than {package.name}-{package.version}-{package.build}"
        )
    for key, form in _HASH.items():
        value = table.get(key)
        if value and not (isinstance(value, str) and form.fullmatch(value)):
            found.append(f"its {key} is none: {value!r}")
    words = {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "subdir": package.subdir,
    }
    for key, word in words.items():
        if word and not _WORD.fullmatch(word):
            found.append(f"its {key} is none: {word!r}")
    if not 0 <= package.build_number <= _LARGEST:
        found.append(f"its build number is none: {package.build_number}")
    if not package.subdir:
        found.append("the record has neither a subdir nor a URL that tells it")
    return found


def _files(table: dict[str, Any], site: str) -> tuple[list[CondaFile], list[str]]:
    """The files that are inside of the prefix, and what is wrong with others."""
    listed = [path for path in table["files"] if isinstance(path, str)]
    outside = [path for path in listed if not _is_inside(path)]
    known = _entries(table, listed, site)
    files = [known.get(path) or CondaFile(path, path) for path in listed if _is_inside(path)]
    listed_paths = set(listed)
    files += [file for path, file in known.items() if path not in listed_paths and _is_inside(path)]
    problems = []
    if len(listed) != len(table["files"]):
        problems.append("its list of files has what is no path")
    if outside:
        problems.append(f"it names files outside of the environment: {some_of(outside)}")
    return files, problems


def _entries(table: dict[str, Any], listed: list[str], site: str) -> dict[str, CondaFile]:
    """What paths_data tells of each file, by the path where it is installed."""
    data = table.get("paths_data")
    rows = data.get("paths") if isinstance(data, dict) else None
    sound = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    places = _places(listed, site) if table.get("noarch") == "python" else {}
    found = {}
    for row in sound:
        path = row.get("_path")
        if isinstance(path, str):
            place = places.get(path, path)
            found[place] = _entry(place, row)
    return found


def _places(listed: list[str], site: str) -> dict[str, str]:
    """Where the files of a noarch package are: conda's paths_data has the archive's paths, its ``files`` these."""
    found = {}
    for path in listed:
        _, middle, rest = path.partition("/site-packages/")
        if site and path.startswith(f"{site}/"):
            middle, rest = site, path[len(site) + 1 :]
        if middle:
            found[f"site-packages/{rest}"] = path
        elif path.startswith("bin/"):
            found[f"python-scripts/{path[4:]}"] = path
    return found


_KINDS = {
    "hardlink": "file",
    "softlink": "link",
    "directory": "directory",
    "pyc_file": "made",
    "unix_python_entry_point": "made",
    "linked_package_record": "made",
}


def _entry(path: str, row: dict[str, Any]) -> CondaFile:
    claimed = row.get("original_path")
    return CondaFile(
        path=path,
        claimed=claimed if isinstance(claimed, str) and _is_inside(claimed) else path,
        kind=_KINDS.get(str(row.get("path_type")), "file"),
        sha256=_text(row, "sha256").lower(),
        installed=_text(row, "sha256_in_prefix").lower(),
        placeholder=_text(row, "prefix_placeholder"),
        mode=_text(row, "file_mode"),
    )


def _is_inside(path: str) -> bool:
    if not path or path.startswith("/") or ".." in path.split("/") or "\0" in path:
        return False
    try:
        os.fsencode(path)
    except UnicodeEncodeError:  # JSON can write half a character
        return False
    return True


def _hash(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value.lower() if isinstance(value, str) and _HASH[key].fullmatch(value) else ""


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
