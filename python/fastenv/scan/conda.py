"""What conda's own records say of a prefix: which files, and so which distributions, are its.

``conda-meta/NAME-VERSION-BUILD.json`` holds a record a package
(https://docs.conda.io/projects/conda/en/stable/dev-guide/specs/index.html). They are large and only
paths below site-packages are wanted, so they are searched as text, not parsed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from fastenv.scan.metadata import read_bytes

__all__ = ["CondaRecords", "read_conda_records"]

_PATH = re.compile(rb'"(?:lib/python[\d.]+/)?site-packages/([^"\\]+)"')
_REQUESTED = re.compile(rb'"requested_specs?":\s*(?:"(?!None")[^"]|\[\s*")')


@dataclass(slots=True)
class CondaRecords:
    """What conda-meta tells.

    ``paths`` are relative to site-packages, each with the package (name-version-build) that owns
    it; ``requested`` are the packages that a user asked for by name; ``unreadable`` are records
    that say nothing.
    """

    paths: dict[str, str] = field(default_factory=dict)
    requested: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)

    def package_of(self, metadata_name: str, files: set[str]) -> str:
        """The package that installed ``metadata_name`` (``x-1.0.dist-info``); "" if conda did not.

        ``files`` are the names in that directory: a record of conda for a distribution that was
        removed and installed again by other means still names it, but not the REQUESTED or
        direct_url.json.
        """
        owner = self.paths.get(metadata_name, "")
        for name in ("METADATA", "PKG-INFO"):
            owner = owner or self.paths.get(f"{metadata_name}/{name}", "")
        for name in ("REQUESTED", "direct_url.json"):
            if name in files and f"{metadata_name}/{name}" not in self.paths:
                return ""
        return owner


def read_conda_records(prefix: str) -> CondaRecords | None:
    """The records of the conda environment at ``prefix``; None if it is none."""
    folder = os.path.join(prefix, "conda-meta")
    if not os.path.isdir(folder):
        return None
    records = CondaRecords()
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        package = name[: -len(".json")]
        try:
            body = read_bytes(os.path.join(folder, name))
        except OSError as error:
            records.unreadable.append(f"{os.path.join(folder, name)}: {error.strerror}")
            continue
        for path in _PATH.findall(body):
            records.paths[path.decode(errors="surrogateescape")] = package
        if _REQUESTED.search(body):
            records.requested.add(package)
    return records
