"""One environment of conda packages, made by py-rattler and by us, and what differs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from fastenv import materialize
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import Content, File
from tests.lab.conda_prefix import Installer, conda_tree
from tests.lab.conda_strategies import Shape, pack

__all__ = ["compare"]

KEYS = (
    *("name", "version", "build", "build_number", "subdir", "noarch", "depends", "constrains"),
    *("sha256", "size", "fn", "license", "timestamp"),
)
# path, winner, claimants
Winner = tuple[str, str, list[str]]
SITE = "lib/python3.11/site-packages/"


def compare(installer: Installer, shapes: list[Shape], name: str = "env") -> list[str]:
    """What differs. Both stand at one path, with ``name`` at its end, which the files name."""
    if name != "env":
        shapes = [replace(shape, files=_without_first_lines(shape.files)) for shape in shapes]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        archives = [pack(place / "channel", shape) for shape in shapes]
        prefix, theirs = place / name, place / "theirs"
        if fault := installer.install(archives, prefix, place / "cache"):
            return [f"py-rattler: {fault}"]
        prefix.rename(theirs)
        contested = winners(theirs)
        more = "".join(map(_table, contested))
        lock = conda_lock([archive_at(path) for path in archives], place, more=more)
        materialize(lock, root=place / "root", prefix=prefix)
        old = {shape.name for shape in shapes if shape.old}
        won = {path.replace("site/", SITE, 1).removeprefix("prefix/"): name for path, name, _ in contested}
        return [
            *unequal(conda_tree(prefix), without_clobbered(conda_tree(theirs))),
            *unequal(records(prefix, old, won), records(theirs, old, won)),
        ]


def _without_first_lines(files: Mapping[str, Content]) -> dict[str, Content]:
    """Where one is too long or has a blank py-rattler has ways of its own (``test_conda_itself.py`` has conda's)."""
    return {
        path: replace(file, data=file.data.removeprefix(b"#!")) if isinstance(file, File) else file
        for path, file in files.items()
    }


def without_clobbered(tree: dict[str, tuple[str, object]]) -> dict[str, tuple[str, object]]:
    """py-rattler keeps the files that gave way to another package's in a folder of its own; conda does not."""
    return {path: what for path, what in tree.items() if not path.startswith("__clobbers__/")}


def unequal(ours: Mapping[str, object], theirs: Mapping[str, object]) -> Iterator[str]:
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            yield f"{key}: {str(ours.get(key))[:200]} | {str(theirs.get(key))[:200]}"


def winners(prefix: Path) -> list[Winner]:
    """Of paths that several packages have: the one whose file was not set aside."""
    claims: dict[str, list[tuple[str, bool]]] = {}
    for record in (prefix / "conda-meta").glob("*.json"):
        table = json.loads(record.read_text())
        for row in table["paths_data"]["paths"]:
            if row["path_type"] == "directory":
                continue
            path = row.get("original_path") or row["_path"]
            claims.setdefault(path, []).append((table["name"], "original_path" in row))
    return [
        (
            f"site/{path.removeprefix(SITE)}" if path.startswith(SITE) else f"prefix/{path}",
            next(name for name, aside in claim if not aside),
            sorted(f"conda:{name}" for name, _ in claim),
        )
        for path, claim in sorted(claims.items())
        if len(claim) > 1
    ]


def _table(row: Winner) -> str:
    path, winner, claimants = row
    quoted = json.dumps(path, ensure_ascii=False)
    return (
        f'\n[[tool.fastenv.contested]]\npath = {quoted}\nwinner = "conda:{winner}"\n'
        f"claimants = {json.dumps(claimants)}\n"
    )


def records(prefix: Path, old: Collection[str], won: Mapping[str, str]) -> dict[str, object]:
    """What conda-meta says, as far as it has a meaning, by record and key.

    Old packages hash nothing; ``won``: whose file is at a contested path.
    """
    said: dict[str, object] = {}
    for path in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text())
        said |= {f"{record['name']} {key}": record.get(key) or None for key in KEYS}
        rows = {row["_path"]: row for row in record["paths_data"]["paths"]}
        # Where py-rattler has put what gave way to another package.
        places = {path: row.get("original_path") or path for path, row in rows.items()}
        said[f"{record['name']} files"] = sorted(places.get(path, path) for path in record["files"])
        said |= {
            f"{record['name']} {places[path]}": meaning(
                row,
                hashed=record["name"] not in old,
                won=won.get(places[path], record["name"]) == record["name"],
            )
            for path, row in rows.items()
        }
    return said


def meaning(row: Mapping[str, object], *, hashed: bool, won: bool) -> dict[str, object]:
    """Of a path. An installer hashes of links and of its own scripts what it likes."""
    said = {key: row.get(key) or None for key in ("path_type", "prefix_placeholder")}
    patched = bool(row.get("prefix_placeholder"))
    if patched:
        said["mode"] = row.get("file_mode") or "text"
    if row["path_type"] == "hardlink":
        if hashed:
            said["sha256"] = row["sha256"]
            # Of what is not there py-rattler and conda tell what would be.
            said["there"] = (row.get("sha256_in_prefix") or row["sha256"]) if won else None
        if not patched:
            # py-rattler tells the size of what stands in the prefix, conda and we that of the package's file.
            said |= {
                "size": row.get("size_in_bytes") if hashed else None,
                "no_link": row.get("no_link") or None,
            }
    return said
