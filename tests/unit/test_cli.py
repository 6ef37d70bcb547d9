"""The command line: one place for errors and exit statuses, answers on standard output only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import fastenv
from fastenv.cli import main
from fastenv.event import Event
from fastenv.exceptions import FastenvError, LockFormatError, NodeUnfitError

REPORT = SimpleNamespace(
    prefix=Path("/store/v1/envs/0123"), env_id="01" * 32, packages=36, fetched_bytes=7, reused=False
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fastenv", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code if isinstance(end.value.code, int) else 0


def python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("asked", [["--help"], ["-h"]])
def test_help_names_every_command(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *asked) == 0
    out = capsys.readouterr().out
    listed = [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()]
    assert listed == [
        "scan",
        "lock",
        "materialize",
        "exec",
        "verify",
        "probe",
        "store",
        "env-id",
        "diff",
        "why",
    ]


@pytest.mark.parametrize("command", ["scan", "lock", "materialize", "verify", "env-id", "diff", "why"])
def test_every_command_has_help(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert f"fastenv {command}" in capsys.readouterr().out


def test_help_says_what_arguments_are_and_what_holds_by_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert run(monkeypatch, "materialize", "-h") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Arguments: LOCK pylock.fastenv.toml [required]" in out
    for default in (
        "[default: auto]",
        "[default: (one a processor); x>=1]",
        "[default: (in the background)]",
    ):
        assert default in out


def test_a_command_imports_no_other() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['fastenv', 'env-id', '--help']\n"
        "from fastenv.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print(*sorted(sys.modules))\n"
    )
    folder = Path(fastenv.__file__).parent.parent
    loaded = set(python("-c", code, PYTHONPATH=str(folder)).stdout.splitlines()[-1].split())
    assert "fastenv.cli.env_id" in loaded
    assert not {"fastenv.cli.lock", "fastenv.cli.scan", "rich", "pydantic"} & loaded


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("fastenv 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["mate"],
        ["verify"],
        ["verify", "a", "b"],
        ["verify", "--no-such"],
        ["materialize", "x", "--link-mode", "soft"],
        ["materialize", "x", "--jobs", "x"],
        ["materialize", "x", "--jobs", "0"],
        ["lock", "--build-timeout", "0.5"],
        ["lock", "--build-timeout", "nan"],
        ["lock", "--credentials", "all"],
        ["scan", "--layers", "ENV"],
    ],
)
def test_wrong_usage_is_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (FastenvError("it broke"), 1, "error: it broke\n"),
        (LockFormatError("not TOML", hint="lock again"), 3, "error: not TOML\nhint: lock again\n"),
        (NodeUnfitError("no such python"), 5, "error: no such python\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_statuses_and_messages(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fastenv, "materialize", fail)
    assert run(monkeypatch, "materialize", "pylock.toml") == status
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], None), (["--compile"], True), (["--compile", "--no-compile"], False)],
)
def test_byte_code_is_asked_for_refused_or_left_open(
    words: list[str], expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def take(lock: Path, **options: object) -> SimpleNamespace:
        given.update(options, lock=lock)
        return REPORT

    monkeypatch.setattr(fastenv, "materialize", take)
    assert run(monkeypatch, "materialize", "x", "--root", "/r", *words) == 0
    assert given["compile"] is expected
    assert (given["lock"], given["root"], given["prefix"]) == (Path("x"), Path("/r"), None)
    assert (given["jobs"], given["override_virtual"]) == (None, {})


def materialize_stub(*_: object, on_event: object, **__: object) -> SimpleNamespace:
    assert callable(on_event)
    on_event(Event("plan", done=36, total=36))
    return REPORT


def test_materialize_prints_the_prefix_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fastenv, "materialize", materialize_stub)
    assert run(monkeypatch, "materialize", "pylock.toml") == 0
    assert capsys.readouterr() == (
        "/store/v1/envs/0123\n",
        "materialize: 36 packages, all in the store\n",
    )


def test_materialize_json_ends_with_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fastenv, "materialize", materialize_stub)
    assert run(monkeypatch, "materialize", "pylock.toml", "--json") == 0
    out, err = capsys.readouterr()
    first, last = (json.loads(line) for line in out.splitlines())
    assert err == ""
    assert first == {"event": "plan", "done": 36, "total": 36}
    assert last == {"event": "done", **vars(REPORT), "prefix": str(REPORT.prefix)}


@pytest.mark.parametrize(
    ("findings", "status", "out"),
    [
        ([], 0, ""),
        (
            [
                SimpleNamespace(kind="missing", path="bin/x", package="x"),
                SimpleNamespace(kind="record", path=".fastenv", package=""),
            ],
            1,
            "missing     bin/x  (x)\nrecord      .fastenv\n",
        ),
    ],
)
def test_verify_is_1_if_anything_differs(
    findings: list[SimpleNamespace],
    status: int,
    out: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fastenv, "verify", lambda *_, **__: tuple(findings))
    assert run(monkeypatch, "verify", "/prefix") == status
    assert capsys.readouterr().out == out


def test_exec_becomes_the_node_program(fake_node_program: Path) -> None:
    done = python("-m", "fastenv", "exec", "env", "--", "true", "--help", FASTENV_NODE=str(fake_node_program))
    assert (done.returncode, done.stdout) == (0, "exec\nenv\n--\ntrue\n--help\n")


def test_store_becomes_the_node_program(fake_node_program: Path, tmp_path: Path) -> None:
    words = ["store", "gc", "--max-size", "20GB", "--help"]
    done = python("-m", "fastenv", *words, FASTENV_NODE=str(fake_node_program))
    assert (done.returncode, done.stdout.split()) == (0, words)
    assert python("-m", "fastenv", "store", "info", FASTENV_NODE=str(tmp_path / "absent")).returncode == 5


def test_exec_imports_nothing_that_is_slow() -> None:
    code = (
        "import os, sys\n"
        "os.execv = lambda *_: (print(*sorted(sys.modules)), sys.exit(0))\n"
        "sys.argv = ['fastenv', 'exec', 'env', '--', 'true']\n"
        "from fastenv.cli import main\n"
        "main()\n"
    )
    # -S: what an editable install's .pth files import is not ours.
    folder = Path(fastenv.__file__).parent.parent
    done = python("-S", "-c", code, PYTHONPATH=str(folder), FASTENV_NODE="/bin/true")
    loaded = done.stdout.split()
    assert "fastenv.cli.node" in loaded, done.stderr
    slow = {"click", "rich", "typing", "dataclasses", "pathlib", "fastenv._core", "fastenv.scan"}
    assert not slow & set(loaded)


def test_exec_without_a_node_program_is_125(tmp_path: Path) -> None:
    done = python("-m", "fastenv", "exec", "env", "--", "true", FASTENV_NODE=str(tmp_path / "absent"))
    assert (done.returncode, done.stdout) == (125, "")
    assert "absent is not a program" in done.stderr
    assert "hint: unset FASTENV_NODE" in done.stderr


def test_the_script_fastenv_node_becomes_it_too(fake_node_program: Path) -> None:
    code = "import sys; sys.argv[1:] = ['env-id', 'x']; from fastenv.cli.node import main; main()"
    done = python("-c", code, FASTENV_NODE=str(fake_node_program))
    assert done.stdout == "env-id\nx\n"


def test_ctrl_c_is_130_without_a_traceback(tmp_path: Path) -> None:
    code = (
        "import fastenv, fastenv.cli.materialize, signal, sys\n"
        "def wait(*_, **__):\n"
        "    print('waiting', flush=True)\n"
        "    signal.pause()\n"
        "fastenv.materialize = wait\n"
        "sys.argv = ['fastenv', 'materialize', 'x']\n"
        "from fastenv.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "waiting\n"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, "")
