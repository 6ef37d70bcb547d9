"""What git is given of the user's variables."""

from __future__ import annotations

import os
from pathlib import Path

from fastenv.git import run_git, told_by_git


def test_neither_credentials_nor_another_repository(tmp_path: Path) -> None:
    """A hook's variables would lead it to the hook's repository; how it reaches a host is the user's."""
    program = tmp_path / "git"
    program.write_text('#!/bin/sh\nenv\necho "words: $*"\n')
    program.chmod(0o755)
    led = dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"), "elsewhere")
    environ = {"PATH": f"{tmp_path}:{os.defpath}", "GIT_SSH_COMMAND": "ssh -4", "API_TOKEN": "x", **led}
    told = (told_by_git("here", environ, "status") or b"").decode().splitlines()
    assert "words: -C here -c core.fsmonitor=false status" in told
    names = {line.partition("=")[0] for line in told}
    assert names.isdisjoint([*led, "API_TOKEN"])
    assert {"GIT_SSH_COMMAND=ssh -4", "GIT_TERMINAL_PROMPT=0"} <= set(told)
    login = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "url.https://me:x@host.example/.insteadOf"}
    login["GIT_CONFIG_VALUE_0"] = "https://host.example/"
    for logs_in in (False, True):
        done = run_git("clone", environ={**environ, **login}, logs_in=logs_in)
        names = {line.partition("=")[0] for line in done.stdout.decode().splitlines()}
        assert names & login.keys() == (login.keys() if logs_in else set())
        assert names.isdisjoint([*led, "API_TOKEN"])


def test_git_that_is_absent_or_says_no(tmp_path: Path) -> None:
    assert told_by_git(str(tmp_path), {"PATH": str(tmp_path)}, "status") is None
    (tmp_path / "git").write_text("#!/bin/sh\necho something; exit 1\n")
    (tmp_path / "git").chmod(0o755)
    assert told_by_git(str(tmp_path), {"PATH": str(tmp_path)}, "status") is None
    assert run_git("status", environ={"PATH": str(tmp_path)}).returncode == 1
