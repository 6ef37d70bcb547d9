"""A conda environment without python: libraries and programs only."""

from __future__ import annotations

from collections.abc import Mapping

from fastenv.scan.conda import CondaPrefix, environment_of
from fastenv.scan.conda_survey import survey_conda
from fastenv.scan.contested import contested_paths
from fastenv.scan.distributions import Found
from fastenv.scan.interpreter import platform_here
from fastenv.scan.inventory import Inventory
from fastenv.scan.notes import notes, variables

__all__ = ["bare_inventory"]


def bare_inventory(conda: CondaPrefix, environ: Mapping[str, str]) -> Inventory:
    """The inventory of the conda environment; its platform is this machine's."""
    surveyed = survey_conda(conda, (), ())
    return Inventory(
        interpreter=None,
        platform=platform_here(),
        conda=environment_of(conda),
        variables=variables(environ),
        search_path=(),
        pth_code=(),
        distributions=(),
        shadowed=(),
        broken=tuple(surveyed.broken),
        strays=tuple(surveyed.strays),
        contested=contested_paths((), (), conda),
        left_out=(),
        notes=tuple(notes(conda.prefix, environ, Found())),
    )
