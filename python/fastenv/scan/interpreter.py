"""Asking an interpreter what it is and where it looks, running nothing of its environment.

The interpreter is started with ``-I -S``: no PYTHON* variables, no user site, no site module at
start, so no .pth line, no sitecustomize and nothing else that the environment holds is executed.
What ``site`` would have done with a venv (PEP 405) the probe works out from pyvenv.cfg, and it asks
the interpreter's own ``site.getsitepackages``, since distributions of Linux patch that one
(Debian's dist-packages).
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastenv.exceptions import ScanError
from fastenv.scan.inventory import Interpreter, Platform
from fastenv.surroundings import without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Facts", "ask", "find_in_prefix", "has_python", "platform_here"]

_TIMEOUT_SECONDS = 60

# Runs in the target, from Python 3.6 on. It imports what the interpreter has loaded anyway, and
# site. sys.prefix is set as site.venv() would, because Debian's getsitepackages looks at it.
_PROBE = r"""
import sys, os, _imp, site
exe_dir = os.path.dirname(os.path.abspath(sys.executable))
above = os.path.dirname(exe_dir)
conf = [os.path.join(folder, 'pyvenv.cfg') for folder in (exe_dir, above)]
conf = [path for path in conf if os.path.isfile(path)]
base, base_exec = sys.base_prefix, sys.base_exec_prefix
home, system = '', True
if conf:
    with open(conf[0], encoding='utf-8') as f:
        for line in f:
            key, _, value = line.partition('=')
            if key.strip().lower() == 'include-system-site-packages':
                system = value.strip().lower() == 'true'
            elif key.strip().lower() == 'home':
                home = value.strip()
    sys.prefix = sys.exec_prefix = above
own = site.getsitepackages([sys.prefix, sys.exec_prefix])
below = site.getsitepackages([base, base_exec]) if conf and system else []
try:
    libc = os.confstr('CS_GNU_LIBC_VERSION') or ''
except (AttributeError, ValueError, OSError):
    libc = ''
sys.stdout.write(ascii(dict(
    implementation=sys.implementation.name, version=sys.version, executable=sys.executable,
    suffixes=_imp.extension_suffixes(), cache_tag=sys.implementation.cache_tag or '',
    base_executable=getattr(sys, '_base_executable', '') or sys.executable, home=home,
    prefix=sys.prefix, base_prefix=base, path=sys.path, own=own, below=below,
    isolated=bool(conf and not system),
    user_site=site.getusersitepackages(), user_base=site.getuserbase(),
    platform=sys.platform, machine=os.uname().machine, wide=sys.maxsize > 2**32, libc=libc)))
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """The interpreter's answer.

    ``library`` are the directories of the standard library; ``own_sites`` the site directories of
    the prefix asked for; ``base_sites`` those of the interpreter below a venv that lets them in,
    else empty; ``isolated`` whether it is a venv that lets in neither those nor the user's.
    """

    interpreter: Interpreter
    platform: Platform
    library: tuple[str, ...]
    own_sites: tuple[str, ...]
    base_sites: tuple[str, ...]
    isolated: bool
    user_site: str
    user_base: str


def ask(executable: str, environ: Mapping[str, str]) -> Facts:
    """Start ``executable`` once and return what it says; about 15 ms.

    Raises ScanError when it cannot be started or does not answer as a Python of 3.6 or later does.
    """
    answer = _answer(executable, _run(executable, environ))
    version = str(answer["version"])
    return Facts(
        interpreter=Interpreter(
            implementation=answer["implementation"],
            version=version.split(maxsplit=1)[0],
            soabi=_soabi(answer["suffixes"]),
            cache_tag=answer["cache_tag"],
            build=build_string(version),
            executable=answer["executable"],
            base_executable=_base_executable(answer, version),
            prefix=answer["prefix"],
            base_prefix=answer["base_prefix"],
        ),
        platform=_platform(answer),
        library=tuple(answer["path"]),
        own_sites=tuple(answer["own"]),
        base_sites=tuple(answer["below"]),
        isolated=answer["isolated"],
        user_site=answer["user_site"],
        user_base=answer["user_base"],
    )


def find_in_prefix(prefix: Path) -> Path:
    """The interpreter of a prefix: its bin/python, bin/python3 or bin/pythonX.Y.

    Raises ScanError when there is none.
    """
    found = _in_prefix(prefix)
    if found is not None:
        return found
    state = "has no bin/python" if prefix.is_dir() else "is not a directory"
    hint = "give --python EXE, an interpreter, or the --prefix DIR of a venv or conda environment"
    raise ScanError(f"{prefix} {state}: it is not a Python environment", path=str(prefix), hint=hint)


def has_python(prefix: Path) -> bool:
    """Whether ``find_in_prefix`` would find one."""
    return _in_prefix(prefix) is not None


def platform_here() -> Platform:
    """This machine, where no interpreter of the environment can be asked."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    wide = sys.maxsize > 2**32
    return _platform({"machine": os.uname().machine, "wide": wide, "platform": sys.platform, "libc": libc})


def _in_prefix(prefix: Path) -> Path | None:
    folder = prefix / "bin"
    named = [folder / "python", folder / "python3", *sorted(folder.glob("python3.*[0-9]"))]
    return next((it for it in named if it.is_file() and os.access(it, os.X_OK)), None)


def _run(executable: str, environ: Mapping[str, str]) -> str:
    """What the probe writes, as text."""
    hint = "name a Python of version 3.6 or later, such as the bin/python of the environment"
    try:
        # An interpreter that the user names is started: that is what scanning is.
        done = subprocess.run(
            [executable, "-I", "-S", "-c", _PROBE],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=without_credentials(environ),
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        message = f"{executable} cannot be started: {error.strerror or error}"
        raise ScanError(message, path=executable, hint=hint) from error
    except subprocess.TimeoutExpired as error:
        message = f"{executable} did not answer within {_TIMEOUT_SECONDS} s"
        raise ScanError(message, path=executable, hint=hint) from error
    if done.returncode != 0:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["it wrote nothing"])[-1]
        message = f"{executable} does not answer as Python does (exit status {done.returncode}): {last}"
        raise ScanError(message, path=executable, hint=hint)
    return done.stdout.decode("ascii", errors="replace")


def _answer(executable: str, text: str) -> dict[str, Any]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        message = f"{executable} does not answer as Python does: it wrote {text[:80]!r}"
        raise ScanError(message, path=executable, hint="is it a wrapper that prints?") from error
    if not isinstance(value, dict):
        raise ScanError(f"{executable} does not answer as Python does", path=executable)
    return value


# After the version, sys.version has the build's number, date and time in parentheses, then the
# compiler in brackets: CPython's Py_GetVersion, and what platform._sys_version takes from it.
_VERSION = re.compile(r"\(#?([^,)]+)(?:,\s*([\w ]*)(?:,\s*([\w :]*))?)?\)\s*\[([^\]]+)\]?")


def build_string(version: str) -> str:
    """``platform.python_build()`` joined by ", ", then "; " and ``platform.python_compiler()``.

    Takes the target's ``sys.version``: importing platform there would cost as much as starting it.
    """
    match = _VERSION.search(version)
    if match is None:
        return version.replace("\n", " ")
    number, date, time, compiler = match.groups(default="")
    return f"{number}, {f'{date} {time}'.strip()}; {compiler}"


def _soabi(suffixes: list[str]) -> str:
    """SOABI, from the first suffix of extensions, ``.<SOABI>.so``; "" where that is another."""
    parts = suffixes[0].split(".") if suffixes else []
    return parts[1] if parts[2:] == ["so"] else ""


def _base_executable(answer: dict[str, Any], version: str) -> str:
    """The interpreter below a venv, by its most specific name (python3.11 rather than python).

    Before 3.11, ``sys._base_executable`` of a venv is the venv's own: pyvenv.cfg's ``home`` leads.
    """
    given: str = answer["base_executable"]
    folder = answer["home"] or os.path.dirname(given)
    series = ".".join(version.split(maxsplit=1)[0].split(".")[:2])
    stem = "pypy" if answer["implementation"] == "pypy" else "python"
    for name in (f"{stem}{series}", os.path.basename(given), "python3", "python"):
        candidate = os.path.join(folder, name)
        try:
            if os.path.samefile(candidate, given) or (answer["home"] and os.access(candidate, os.X_OK)):
                return candidate
        except OSError:
            continue
    return given


def _platform(answer: dict[str, Any]) -> Platform:
    machine: str = answer["machine"]
    if not answer["wide"]:
        machine = {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
    libc, _, version = str(answer["libc"]).partition(" ")
    if not libc and any(Path("/lib").glob("ld-musl-*.so.1")):
        libc = "musl"
    return Platform(os=answer["platform"], arch=machine, libc=libc, libc_version=version)
