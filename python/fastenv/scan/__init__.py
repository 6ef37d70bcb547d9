"""Reading an environment: from an interpreter to an Inventory. Reads files only; never the network.

The way of the data, a file a step:

    interpreter     asks the target once what it is and where it looks
    layers          the effective search path, entry by entry, each with its layer
    conda           the records of conda-meta (conda_record, conda_url)
    distributions   every .dist-info (dist_info) and .egg-info (egg_info)

    record          RECORD, install paths, files digest;  metadata, origin: the other small files
    duplicates      one distribution a name
    contested       paths that several claim
    strays          files that nobody owns, owned files that are gone;  conda_survey: the same for conda
    libraries       what shared objects need of the system
    left_out        fastenv itself
    notes           what bears on the environment from outside, what was not followed
    inventory       the result, and its JSON
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fastenv.exceptions import ScanError
from fastenv.listing import some_of
from fastenv.scan.bare import bare_inventory
from fastenv.scan.conda import environment_of, read_conda
from fastenv.scan.conda_survey import CondaSurvey, survey_conda
from fastenv.scan.contested import contested_paths
from fastenv.scan.distributions import find
from fastenv.scan.duplicates import choose
from fastenv.scan.interpreter import ask, find_in_prefix, has_python
from fastenv.scan.inventory import Broken, Inventory
from fastenv.scan.layers import search_path
from fastenv.scan.left_out import leave_out
from fastenv.scan.libraries import system_libraries
from fastenv.scan.notes import conda_notes, notes, variables
from fastenv.scan.strays import survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastenv.scan.conda import CondaPrefix
    from fastenv.scan.distributions import Found
    from fastenv.scan.installed import Installed
    from fastenv.scan.inventory import Contested, SearchPath
    from fastenv.scan.strays import Survey

__all__ = ["Inventory", "scan"]

"""How many of a distribution's missing files a problem names."""


def scan(
    *,
    python: str | os.PathLike[str] | None = None,
    prefix: str | os.PathLike[str] | None = None,
    layers: Literal["all", "env"] = "all",
    include_self: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Inventory:
    """What is in an environment, and where each thing came from.

    Args:
        python: the interpreter of the environment; default: the one that runs this.
        prefix: or the directory of a venv or conda environment.
        layers: "all" that the interpreter would find, the user's own site-packages, PYTHONPATH
            and the system's included; or "env", what the environment itself holds.
        include_self: keep fastenv and what only fastenv requires.
        environ: the variables of the user whose search path is meant; default: os.environ.

    Raises ScanError when there is no such environment or its interpreter does not answer.
    Whatever is damaged in the environment is no error: it is in the inventory.
    """
    environ = os.environ if environ is None else environ
    if layers not in ("all", "env"):
        raise ScanError(f"layers is {layers!r}: it is 'all' or 'env'")
    if prefix is not None and python is None and not has_python(Path(prefix)):
        bare = read_conda(os.path.abspath(prefix), "")
        if bare is not None:
            return bare_inventory(bare, environ)
    facts = ask(_executable(python, prefix), environ)
    walked = search_path(facts, environ, only_env=layers == "env")
    conda = read_conda(facts.interpreter.prefix, next(iter(facts.own_sites), ""))
    found = find(walked.entries, conda)
    surveyed = survey(walked.entries, found, facts.interpreter, conda)
    chosen, shadowed = choose(found.installed)
    winners = _mark_missing(chosen, surveyed)
    everything = [item.distribution for item in winners]
    left_out = () if include_self else leave_out(everything, facts.interpreter, facts.platform)
    absent = {item.name for item in left_out}
    kept = [item for item in winners if item.distribution.name not in absent]
    sites = [entry.path for entry in walked.entries if entry.site]
    of_conda = survey_conda(conda, winners, sites) if conda is not None else CondaSurvey()
    environment = None if conda is None else environment_of(conda)
    more = () if environment is None else conda_notes(environment)
    return Inventory(
        interpreter=facts.interpreter,
        platform=facts.platform,
        conda=environment,
        variables=variables(environ),
        search_path=tuple(walked.entries),
        pth_code=tuple(walked.pth_code),
        distributions=tuple(sorted((item.distribution for item in kept), key=lambda it: it.name)),
        shadowed=(*shadowed, *of_conda.shadowed),
        broken=(*_broken(found, winners, conda), *of_conda.broken),
        strays=(*surveyed.strays, *of_conda.strays),
        contested=_contested(kept, walked.entries, conda, of_conda),
        libraries=system_libraries(
            kept, conda, surveyed.strays, executable=facts.interpreter.executable, environ=environ
        ),
        left_out=(*left_out, *of_conda.left_out),
        notes=(*notes(facts.interpreter.prefix, environ, found), *walked.notes, *surveyed.notes, *more),
    )


def _contested(
    kept: list[Installed], entries: list[SearchPath], conda: CondaPrefix | None, surveyed: CondaSurvey
) -> tuple[Contested, ...]:
    found = contested_paths(kept, [entry.path for entry in entries], conda)
    paths = {row.path for row in found}
    removed = [row for row in surveyed.removed if row.path not in paths]
    return tuple(sorted([*found, *removed], key=lambda row: row.path))


def _executable(python: str | os.PathLike[str] | None, prefix: str | os.PathLike[str] | None) -> str:
    """The interpreter to ask, by the arguments of ``scan``."""
    if python is not None and prefix is not None:
        raise ScanError("both python and prefix are given", hint="give one of them")
    if prefix is not None:
        return str(find_in_prefix(Path(prefix).absolute()))
    name = sys.executable if python is None else os.fspath(python)
    found = name if os.path.dirname(name) else shutil.which(name)
    if not found:
        raise ScanError(f"{name} is not on PATH", path=name, hint="give the path of an interpreter")
    return os.path.abspath(found)


def _mark_missing(chosen: list[Installed], surveyed: Survey) -> list[Installed]:
    """Note on each distribution which of its files are gone."""
    marked = []
    for item in chosen:
        # a conda package's files are those of its record, whatever a RECORD says
        missing = [] if item.distribution.origin.kind == "conda" else surveyed.missing(item)
        if not missing:
            marked.append(item)
            continue
        problem = f"files that its RECORD names are gone: {some_of(missing)}"
        it = item.distribution
        changed = replace(it, problems=(*it.problems, problem))
        marked.append(replace(item, distribution=changed))
    return marked


def _broken(found: Found, chosen: list[Installed], conda: CondaPrefix | None) -> Iterator[Broken]:
    """All that is damaged, once, in the order of the search path. What conda brought so is as it should be."""
    for row in found.broken:
        if conda is None or not conda.package_of(row.path, set()):
            yield row
    marked = {item.distribution.metadata_path: item.distribution for item in chosen}
    for item in found.installed:
        it = marked.get(item.distribution.metadata_path, item.distribution)
        if it.problems and it.origin.kind != "conda":
            yield Broken(it.metadata_path, it.layer, it.name, it.problems)
