"""Loose code in a lock: its folders packed up beside it, as overlays in the order of the search path."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastenv.exceptions import FileSystemError, LockError
from fastenv.listing import some_of
from fastenv.lock.carried import FOLDER
from fastenv.loose.archive import pack
from fastenv.loose.files import ODD, Choice, Rule, choose_files
from fastenv.loose.folders import Folder, survey_folders
from fastenv.loose.patterns import Patterns
from fastenv.loose.unowned import find_unowned
from fastenv.progress import bytes_text

if TYPE_CHECKING:
    from fastenv.lock.lockfile import Lock
    from fastenv.loose.archive import Packed
    from fastenv.scan.inventory import Inventory
    from fastenv.settings import Rules

__all__ = [
    "LARGEST",
    "LockedOverlay",
    "Overlays",
    "find_overlays",
    "holds",
    "is_there",
    "locked_now",
    "overlay_from_table",
    "overlay_to_table",
]

LARGEST = 50_000_000
"""Bytes of loose code that are shipped unless more is allowed."""
_SHOWN = 5
_PLACES = ("front", "site", "back")


@dataclass(frozen=True)
class LockedOverlay:
    """One folder of loose code: an archive that travels with the lock. ``path`` is relative to the lock, ``size`` in
    bytes; ``place`` on the search path is "front" (as PYTHONPATH is), "site" (site-packages itself) or "back" (as what
    .pth files name is).
    """

    name: str
    path: str
    sha256: str
    size: int | None = None
    place: str = "front"


def overlay_to_table(overlay: LockedOverlay) -> dict[str, Any]:
    """Keys and values of ``[[tool.fastenv.overlays]]``, in the order of the file."""
    return {key: getattr(overlay, key) for key in ("name", "path", "sha256", "size", "place")}


def overlay_from_table(row: Mapping[str, Any]) -> LockedOverlay:
    """The overlay of a table. Raises ValueError with what is wrong, without a place; the core checks the rest."""
    for key in ("name", "path", "sha256", "place"):
        if not isinstance(row.get(key), str):
            raise ValueError(f"{key} is missing")
    if row["place"] not in _PLACES:
        raise ValueError(f"place is {row['place']!r}, not 'front', 'site' or 'back'")
    size = row.get("size")
    if size is not None and type(size) is not int:
        raise ValueError(f"size is {type(size).__name__}, not int")
    return LockedOverlay(row["name"], row["path"], row["sha256"], size, row["place"])


@dataclass
class Overlays:
    """The loose code of an environment, chosen and not yet packed. ``left_out`` are names and reasons for the lock,
    ``warnings`` sentences for the user; ``told`` are places of this machine that they speak of.
    """

    folders: list[tuple[Folder, Choice]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def accounts_for(self, path: str) -> bool:
        """Whether a path of this machine is shipped with one of them, or it is said why not."""
        if any(folder.path and path.startswith(f"{folder.path}/") for folder, _ in self.folders):
            return True
        return path.rstrip("/") in self._in_site | self.told

    @cached_property
    def _in_site(self) -> set[str]:
        """Where the files that go into site-packages lie, and the folders above them."""
        files = [it.file for folder, choice in self.folders if not folder.path for it in choice.files]
        ends = ((file, at) for file in files for at, letter in enumerate(file) if letter == "/")
        return {*files, *(file[:at] for file, at in ends)}

    def take(self, folder: Folder, choice: Choice) -> None:
        """Take in what is shipped of a folder, and note what is not."""
        if choice.files:
            self.folders.append((folder, choice))
        self.left_out += ((f"{folder.name}/{path}", "it looks like a secret") for path in choice.secrets)
        if choice.secrets:
            self.warnings.append(_of_secrets(folder, choice.secrets))
        for path in choice.odd:
            self.left_out.append((f"{folder.name}/{path}", ODD))
            self.warnings.append(f"{path!r} of {folder.path} is not in the lock: {ODD}")

    def write(self, folder: Path) -> list[LockedOverlay]:
        """Pack all of them up below ``folder``, the lock's own. Raises FileSystemError."""
        if not self.folders:
            return []
        beside = folder / FOLDER
        try:
            beside.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=beside, prefix=".making-") as room:
                return [self._put(it, choice, Path(room), folder) for it, choice in self.folders]
        except OSError as error:
            raise FileSystemError(
                f"{beside} cannot be written: {error.strerror}", path=str(beside)
            ) from error

    def _put(self, it: Folder, choice: Choice, room: Path, folder: Path) -> LockedOverlay:
        packed = pack(it.name, choice.files, room / it.name)
        overlay = _locked(it, packed)
        target = folder / overlay.path
        target.parent.mkdir(exist_ok=True)
        os.replace(packed.path, target)
        return overlay


def find_overlays(
    inventory: Inventory,
    rules: Rules,
    *,
    search_path: Sequence[str] | None = None,
    largest: int = LARGEST,
) -> Overlays:
    """What is loose in an environment, by its scan, the rules, and the search path of the process that asks.

    Raises LockError, naming the largest files, if it is more than ``largest`` bytes; FileSystemError.
    """
    if inventory.interpreter is None:
        return Overlays()
    folders, patterns = _parted(rules)
    rule = Rule(Patterns(tuple(patterns)), Patterns(rules.exclude))
    survey = survey_folders(inventory, folders, search_path)
    found = Overlays()
    for path, reason in survey.left_out:
        found.left_out.append((os.path.basename(path), f"loose code: {reason}"))
        found.warnings.append(f"{path} is not in the lock: {reason}")
    unowned = find_unowned(inventory, rule)
    for path, name, reason in unowned.left_out:
        found.told.add(path)
        found.left_out.append((name, reason))
        found.warnings.append(f"{path} is not in the lock: {reason}")
    for folder in survey.folders:
        found.take(folder, choose_files(folder.path, rule, is_part=folder.holds))
    found.take(unowned.folder, unowned.choice)
    left_out = {path for path, _ in survey.left_out}
    found.warnings += _in_vain(rules, [it for it in folders if os.path.abspath(it) not in left_out], found)
    found.folders.sort(key=lambda it: _PLACES.index(it[0].place))
    _check_size(found, largest)
    return found


def locked_now(overlays: Overlays) -> list[LockedOverlay]:
    """What a lock would have of them: packed up elsewhere, and gone again. Raises FileSystemError."""
    with tempfile.TemporaryDirectory(prefix="fastenv-") as room:
        return [
            _locked(it, pack(it.name, choice.files, Path(room, it.name))) for it, choice in overlays.folders
        ]


def holds(lock: Lock, overlay: LockedOverlay, path: str, *, in_site: bool) -> bool:
    """Whether an archive beside a lock has ``path`` (a file, or a folder with files), relative to its folder; False if
    the archive is not there. ``in_site``: the path is one of site-packages.
    """
    if lock.path is None or in_site != (overlay.place == "site"):
        return False
    inner = f"{overlay.name}/{path}"
    try:
        with zipfile.ZipFile(lock.path.parent / overlay.path) as archive:
            return any(it == inner or it.startswith(f"{inner}/") for it in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def is_there(lock: Lock, overlay: LockedOverlay) -> bool:
    """Whether the archive is beside the lock; without its path nobody knows."""
    return lock.path is None or (lock.path.parent / overlay.path).is_file()


def _locked(folder: Folder, packed: Packed) -> LockedOverlay:
    path = f"{FOLDER}/{packed.sha256}/{folder.name}.zip"
    return LockedOverlay(folder.name, path, packed.sha256, packed.size, folder.place)


def _parted(rules: Rules) -> tuple[list[Path], list[str]]:
    """``include`` of the rules: folders, and patterns of files."""
    folders, patterns = [], []
    for text in rules.include:
        path = rules.folder / text
        if path.is_dir():
            folders.append(path)
        elif any(letter in text for letter in "*?[") or not os.path.isabs(text):
            patterns.append(text)
        else:
            place = rules.place_of("include", text)
            raise LockError(f"{place} includes {text}, which is no folder", path=text)
    return folders, patterns


def _in_vain(rules: Rules, folders: Sequence[Path], found: Overlays) -> Iterator[str]:
    """Of what the rules include and nothing answers to."""
    shipped = {os.path.realpath(folder.path) for folder, _ in found.folders if folder.path}
    for text, path in ((text, rules.folder / text) for text in rules.include):
        if path in folders and os.path.realpath(path) not in shipped:
            yield f"{rules.place_of('include', text)} includes {path}, in which no module is that no package owns"
    files = {it.path for _, choice in found.folders for it in choice.files}
    for text in _parted(rules)[1]:
        pattern = Patterns((text,))
        if not text.startswith("!") and not any(map(pattern.match, files)):
            place = rules.place_of("include", text)
            yield f"{place} includes {text}, which is no folder and matches no file of loose code"


def _of_secrets(folder: Folder, secrets: Sequence[str]) -> str:
    verb = "looks like a secret and is" if len(secrets) == 1 else "look like secrets and are"
    return f"{some_of(secrets, _SHOWN)} of {folder.path} {verb} not in the lock; a pattern in include takes it in"


def _check_size(found: Overlays, largest: int) -> None:
    files = [
        (it.size, f"{folder.path}/{it.path}" if folder.path else it.file)
        for folder, choice in found.folders
        for it in choice.files
    ]
    total = sum(size for size, _ in files)
    if total <= largest:
        return
    files.sort(key=lambda it: (-it[0], it[1]))
    lines = [f"  {bytes_text(size):>10}  {path}" for size, path in files[:_SHOWN]]
    message = f"loose code has {bytes_text(total)} in {len(files)} files, more than {bytes_text(largest)}; the largest:"
    raise LockError(
        "\n".join([message, *lines]),
        hint="leave out what the nodes don't need (exclude = [...], --exclude), or raise --max-loose-size",
    )
