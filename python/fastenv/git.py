"""Git, the user's own program: led to a repository by its folder alone, and given no credentials in variables.

Its own logins (credential helpers, keys, netrc) are its own. It asks nobody for a password.
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
    *words: str, environ: Mapping[str, str], folder: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run it, in the repository of ``folder`` if one is given. Raises OSError, subprocess.TimeoutExpired."""
    known = without_credentials(environ)
    own = {name: value for name, value in known.items() if name not in _OF_A_REPOSITORY}
    place = [] if folder is None else ["-C", folder]
    return subprocess.run(
        ["git", *place, "-c", "core.fsmonitor=false", *words],  # noqa: S607 # wherever PATH has it
        capture_output=True,
        env={**own, **_SETTINGS},
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=False,
    )


def told_by_git(folder: str, environ: Mapping[str, str], *words: str) -> bytes | None:
    """What it says of the repository of ``folder``; None where it is absent, there is none, or it says no."""
    try:
        done = run_git(*words, environ=environ, folder=folder)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
