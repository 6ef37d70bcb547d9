"""A kernel that refuses a system call: ``python seccomp.py ENOLCK COMMAND...`` runs it where flock fails with that.

A preloaded library would not do: programs without libc's wrappers make their system calls themselves.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

__all__ = ["without_flock"]

# linux/audit.h, linux/filter.h, linux/prctl.h, linux/seccomp.h; numbers of flock from asm/unistd.h
_MACHINES = {"x86_64": (0xC000003E, 73), "aarch64": (0xC00000B7, 32)}
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2


def without_flock(name: str, command: list[str]) -> list[str]:
    """The command line that runs a command where every flock fails with the error of this name."""
    return [sys.executable, "-I", __file__, name, *command]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _refuse_flock(error: int) -> None:
    audit, flock = _MACHINES[platform.machine()]
    rows = [
        (_LOAD, 0, 0, 4),
        (_JUMP_IF_EQUAL, 0, 3, audit),
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 1, flock),
        (_RETURN, 0, 0, _ERRNO | error),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = _Program(len(rows), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (
        (_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    _refuse_flock(getattr(errno, sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
