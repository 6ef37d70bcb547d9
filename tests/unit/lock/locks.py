"""Small locks for tests, and one with another text."""

from __future__ import annotations

import re

from tests.env_id_oracle import env_id

from fastenv.lock import Lock
from fastenv.lock.compose import compose
from fastenv.lock.locked_conda import LockedConda, LockedVirtual
from fastenv.lock.lockfile import (
    Ignored,
    LockedContested,
    LockedInterpreter,
    LockedLibrary,
    LockedPackage,
    LockedPlatform,
)

__all__ = ["A", "B", "C", "a_conda_lock", "a_lock", "again"]

A, B, C = "a" * 64, "b" * 64, "c" * 64


def a_lock(**changes: object) -> Lock:
    values: dict[str, object] = {
        "platform": LockedPlatform("linux", "x86_64", "2.28"),
        "interpreter": LockedInterpreter(
            "cpython",
            "3.11.7",
            "cpython-311-x86_64-linux-gnu",
            "main, Mar  3 2026, 10:00:00; GCC 12.2.0",
            "/usr/bin/python3.11",
        ),
        "packages": [
            LockedPackage(
                "beta",
                "2.0",
                "beta-2.0-py3-none-any.whl",
                B,
                path=f"pylock.fastenv.d/{B}/beta-2.0-py3-none-any.whl",
                origin="local",
                index_name="inner",
            ),
            LockedPackage(
                "alpha",
                "1.0+local.1",
                "alpha-1.0+local.1-py3-none-any.whl",
                A,
                url="https://files.example/alpha-1.0%2Blocal.1-py3-none-any.whl",
                size=123,
                index="https://index.example/simple",
                requested=True,
                layer="env",
                files_digest=C,
            ),
        ],
        "libraries": [
            LockedLibrary("libm.so.6", ("alpha",), ("GLIBC_2.29",)),
            LockedLibrary("libGL.so.1", ("alpha", "beta"), folders=("/opt/gl",)),
        ],
        "contested": [LockedContested('site/x "y".py', "alpha", ("alpha", "beta"))],
        "ignored": [Ignored("fastenv", "0.1.0", "fastenv itself")],
        "created_with": "0.1.0",
    }
    return compose(**{**values, **changes})  # type: ignore[arg-type]


def a_conda_lock(**changes: object) -> Lock:
    values: dict[str, object] = {
        "interpreter": LockedInterpreter("cpython", "3.13.1", "cpython-313t-x86_64", "main", source="conda"),
        "conda": [
            LockedConda(
                "python",
                "3.13.1",
                "0_cp313t",
                0,
                "linux-64",
                "python-3.13.1-0_cp313t.conda",
                A,
                url="https://channel.example/main/linux-64/python-3.13.1-0_cp313t.conda",
                channel="https://channel.example/main",
                md5="d" * 32,
                size=5,
                requested=("python 3.13.*",),
            ),
            LockedConda(
                "_lib",
                "1",
                "h_1",
                1,
                "noarch",
                "_lib-1-h_1.tar.bz2",
                C,
                path=f"pylock.fastenv.d/{C}/_lib-1-h_1.tar.bz2",
                noarch="generic",
                link_scripts=True,
            ),
        ],
        "virtual": [
            LockedVirtual("__cuda 12.*", ("python",), True),
            LockedVirtual("__glibc >=2.17", ("python",)),
        ],
        "libraries": [],
        "link_scripts": True,
        "contested": [LockedContested("site/x.py", "conda:_lib", ("alpha", "conda:_lib"))],
    }
    return a_lock(**{**values, **changes})


def again(text: str) -> str:
    """The text with the env id that it now has."""
    return re.sub(r"(?m)^env-id = .*$", f'env-id = "{env_id(text)}"', text)
