"""A conda environment without python: libraries and programs only."""

from __future__ import annotations

from collections.abc import Mapping

from fastenv.scan.conda import CondaPrefix, environment_of
from fastenv.scan.conda_survey import survey_conda
from fastenv.scan.contested import contested_paths
from fastenv.scan.distributions import Found
from fastenv.scan.interpreter import platform_here
from fastenv.scan.inventory import Inventory
from fastenv.scan.libraries import system_libraries
from fastenv.scan.notes import conda_notes, notes, variables

__all__ = ["bare_inventory"]


def bare_inventory(conda: CondaPrefix, environ: Mapping[str, str]) -> Inventory:
    """The inventory of the conda environment; its platform is this machine's."""
    surveyed = survey_conda(conda, (), ())
    environment = environment_of(conda)
    return Inventory(
        interpreter=None,
        platform=platform_here(),
        conda=environment,
        variables=variables(environ),
        search_path=(),
        pth_code=(),
        distributions=(),
        shadowed=tuple(surveyed.shadowed),
        broken=tuple(surveyed.broken),
        strays=tuple(surveyed.strays),
        contested=contested_paths((), (), conda),
        libraries=system_libraries((), conda, executable=None, environ=environ),
        left_out=tuple(surveyed.left_out),
        notes=(*notes(conda.prefix, environ, Found()), *conda_notes(environment)),
    )
