"""One .dist-info directory: what it says, and everything that is wrong with it.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastenv.scan.installed import Installed, canonical, is_name, is_version, same_version
from fastenv.scan.inventory import Broken, Distribution, EntryPoint, Origin
from fastenv.scan.metadata import CoreMetadata, entry_points, headers, read_core_metadata, read_text
from fastenv.scan.origin import SYSTEM_INSTALLERS, direct_url, linked
from fastenv.scan.record import Record, files_digest, read_record

if TYPE_CHECKING:
    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.inventory import SearchPath

__all__ = ["SCRIPT_GROUPS", "read_dist_info"]

_FEW = 50
"""More rows than the RECORD of an installation that is but a link has: its metadata and scripts."""
SCRIPT_GROUPS = ("console_scripts", "gui_scripts")
"""The entry point groups for which installers write a file into bin/."""


def read_dist_info(path: str, entry: SearchPath, conda: CondaPrefix | None) -> Installed | Broken:
    """The distribution at ``path`` with its problems; Broken if it has no name or version."""
    return _DistInfo(path, entry, conda).read()


class _DistInfo:
    """The directory while it is read: the names in it, and the reasons against it so far."""

    def __init__(self, path: str, entry: SearchPath, conda: CondaPrefix | None) -> None:
        self.path = path
        self.entry = entry
        self.conda = conda
        self.stem = os.path.basename(path).removesuffix(".dist-info")
        self.names: set[str] = set()
        self.reasons: list[str] = []

    def read(self) -> Installed | Broken:
        try:
            self.names = set(os.listdir(self.path))
        except OSError as error:
            return self._broken(f"it cannot be read: {error.strerror}")
        core = self._core()
        if core is None:
            return self._broken()
        package = self.conda.package_of(self.path, self.names) if self.conda else ""
        installer = self._text("INSTALLER").strip()
        foreign = bool(package) or self._is_system(installer)
        record = self._record(foreign=foreign)
        points = entry_points(self._text("entry_points.txt"))
        origin = self._origin(installer, package, record)
        distribution = self._distribution(core, record, installer, points, origin, foreign=foreign)
        # what nothing records is told by its top-level names
        trees = tuple(self._text("top_level.txt").split()) if record is None else ()
        return Installed(distribution, record, trees)

    def _distribution(
        self,
        core: CoreMetadata,
        record: Record | None,
        installer: str,
        points: tuple[EntryPoint, ...],
        origin: Origin,
        *,
        foreign: bool,
    ) -> Distribution:
        wheel = headers(self._text("WHEEL"))
        if not wheel.get("tag") and not foreign:
            self.reasons.append("it has no WHEEL with tags: which wheel it came from is not known")
        files, size = _extent(record)
        scripts = {point.name for point in points if point.group in SCRIPT_GROUPS}
        requested = "REQUESTED" in self.names or bool(self.conda and origin.package in self.conda.requested)
        return Distribution(
            name=canonical(core.name),
            display_name=core.name,
            version=core.version,
            layer=self.entry.layer,
            location=self.entry.path,
            metadata_path=self.path,
            format="dist-info",
            origin=origin,
            installer=installer,
            requested=requested,
            tags=tuple(wheel.get("tag", ())),
            build=next(iter(wheel.get("build", ())), ""),
            files=files,
            size=size,
            files_digest=files_digest(record, scripts) if record else None,
            requires_python=core.requires_python,
            requires=core.requires,
            extras=core.extras,
            entry_points=points,
            problems=tuple(self.reasons),
        )

    def _core(self) -> CoreMetadata | None:
        """METADATA, once it is known to name a distribution; else None, with the reason noted."""
        if "METADATA" not in self.names:
            self.reasons.append("it has no METADATA")
            return None
        try:
            core = read_core_metadata(f"{self.path}/METADATA")
        except (OSError, UnicodeDecodeError) as error:
            self.reasons.append(f"its METADATA cannot be read: {_why(error)}")
            return None
        if not is_name(core.name):
            self.reasons.append(f"its METADATA has the name {core.name!r}, which is none")
            return None
        if not core.version:
            self.reasons.append("its METADATA has no version")
            return None
        if not is_version(core.version):
            self.reasons.append(f"its version {core.version!r} is not one of PEP 440")
        name, _, version = self.stem.partition("-")
        if canonical(name) != canonical(core.name):
            self.reasons.append(f"its directory is of another name than its METADATA, which has {core.name}")
        elif not same_version(version.replace("_", "-"), core.version):
            self.reasons.append(
                f"its directory is of another version than its METADATA, which has {core.version}"
            )
        return core

    def _record(self, *, foreign: bool) -> Record | None:
        if "RECORD" not in self.names:
            if not foreign:
                self.reasons.append("it has no RECORD: which files are its own is not known")
            return None
        try:
            record = read_record(self.path)
        except (OSError, UnicodeDecodeError) as error:
            self.reasons.append(f"its RECORD cannot be read: {_why(error)}")
            return None
        if record.bad:
            self.reasons.append(f"{record.bad} lines of its RECORD are not rows of three")
        if record.outside:
            first = ", ".join(record.outside[:3])
            self.reasons.append(f"its RECORD names files outside of the environment: {first}")
        return record

    def _origin(self, installer: str, package: str, record: Record | None) -> Origin:
        if "direct_url.json" in self.names and not package:
            try:
                return direct_url(self._text("direct_url.json"))
            except ValueError as error:
                self.reasons.append(f"its direct_url.json is not one of PEP 610: {error}")
                return Origin("unknown")
        if package:
            return Origin("conda", package=package)
        if self._is_system(installer):
            return Origin("system")
        if record is None:
            return Origin("unknown")
        return self._only_a_link(record) or Origin("index")

    def _only_a_link(self, record: Record) -> Origin | None:
        """An editable installation without direct_url.json: nothing but metadata and a .pth."""
        if len(record.paths) > _FEW:
            return None
        info = f"{self.stem}.dist-info/"
        others = [path for path in record.paths if not path.startswith((info, "../"))]
        if len(others) != 1 or not others[0].endswith(".pth") or "/" in others[0]:
            return None
        try:
            line = read_text(f"{self.entry.path}/{others[0]}").strip()
        except (OSError, UnicodeDecodeError):
            return None
        folder = os.path.join(self.entry.path, line)
        return linked(folder) if line and "\n" not in line and os.path.isdir(folder) else None

    def _is_system(self, installer: str) -> bool:
        """Whether the operating system's package manager put it here.

        Debian's writes neither INSTALLER nor, mostly, RECORD; pip on Debian writes both.
        """
        in_debian = not installer and self.entry.path.endswith("/dist-packages")
        return installer in SYSTEM_INSTALLERS or in_debian

    def _text(self, name: str) -> str:
        """The text of a file of the directory; "" if it is absent or, noted, unreadable."""
        if name not in self.names:
            return ""
        try:
            return read_text(f"{self.path}/{name}")
        except (OSError, UnicodeDecodeError) as error:
            self.reasons.append(f"its {name} cannot be read: {_why(error)}")
            return ""

    def _broken(self, *reasons: str) -> Broken:
        guess = canonical(self.stem.partition("-")[0])
        return Broken(self.path, self.entry.layer, guess, (*self.reasons, *reasons))


def _extent(record: Record | None) -> tuple[int, int]:
    """How many files and bytes a RECORD speaks of, byte code apart."""
    if record is None:
        return 0, 0
    try:
        return len(record.sizes), sum(map(int, filter(None, record.sizes)))
    except ValueError:
        return len(record.sizes), sum(int(size) for size in record.sizes if size.isdecimal())


def _why(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"byte {error.start} is not UTF-8"
