"""Git, the user's own program: led to a repository by its folder alone, and given no credentials that it does not need.

Its logins (credential helpers, keys, netrc, its variables) are its own. It asks nobody for a password.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from fastenv.surroundings import without_credentials

__all__ = ["TIMEOUT_S", "run_git", "told_by_git"]

TIMEOUT_S = 600.0
_OF_A_REPOSITORY = frozenset(
    (
        *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
    )
)
"""What a hook's children inherit: with them git would work on that repository, wherever it is called."""
_SETTINGS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def run_git(
    *words: str, environ: Mapping[str, str], folder: str | None = None, logs_in: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run it, in the repository of ``folder`` if one is given; with what its own variables hold of logins if it
    ``logs_in`` somewhere. Raises OSError, subprocess.TimeoutExpired.
    """
    place = [] if folder is None else ["-C", folder]
    return subprocess.run(
        ["git", *place, "-c", "core.fsmonitor=false", *words],  # noqa: S607 # wherever PATH has it
        capture_output=True,
        env={**_variables(environ, logs_in=logs_in), **_SETTINGS},
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=False,
    )


def _variables(environ: Mapping[str, str], *, logs_in: bool) -> dict[str, str]:
    kept = without_credentials(environ)
    own = {name: value for name, value in environ.items() if name.startswith("GIT_")}
    settings = {name for name in own if name.startswith("GIT_CONFIG_")}
    if logs_in:
        kept |= own
    elif not settings <= kept.keys():  # one without the others (GIT_CONFIG_COUNT) would be an error
        kept = {name: value for name, value in kept.items() if name not in settings}
    return {name: value for name, value in kept.items() if name not in _OF_A_REPOSITORY}


def told_by_git(folder: str, environ: Mapping[str, str], *words: str) -> bytes | None:
    """What it says of the repository of ``folder``; None where it is absent, there is none, or it says no."""
    try:
        done = run_git(*words, environ=environ, folder=folder)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
