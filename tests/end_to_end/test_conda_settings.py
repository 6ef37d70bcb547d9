"""Variables, pins and the mark of a frozen environment: scanned, locked, and in the copy as conda reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.env_id_oracle import env_id
from tests.lab.conda_channel import Channel
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import Content, make_package
from tests.lab.conda_prefix import install, move_channel
from tests.lab.lab import Lab

from fastenv import check_lock, diff, materialize
from fastenv.lock import lock
from fastenv.scan import scan

SHOW = "env -0 | tr '\\n\\0' ' \\n'"


def lock_of(
    lab: Lab, variables: Mapping[str, str], more: str = "", **packages: Mapping[str, Content]
) -> Path:
    made = [
        make_package(lab.folder / "channel", name, files={f"share/{name}": name, **files})
        for name, files in (packages or {"a": {}}).items()
    ]
    rows = "".join(f"{name} = {json.dumps(value)}\n" for name, value in variables.items())
    table = f"\n[tool.fastenv.variables]\n{rows}{more}"
    return conda_lock([archive_at(path) for path in made], lab.folder, more=table)


def seen(lab: Lab, what: Path, *options: str, **env: str) -> dict[str, str]:
    """The variables of a command in the environment."""
    done = lab.run("exec", *options, what, "--", "sh", "-c", SHOW, env=env)
    assert (done.code, done.err) == (0, "")
    return dict(line.split("=", 1) for line in done.out.splitlines())


def test_a_lock_with_a_variable_that_can_not_be(lab: Lab) -> None:
    good = lock_of(lab, {"MODE": "fast"})
    text = good.read_text()
    for line, words in [
        ('PATH = "/x"', '"PATH" is a variable that activation itself sets'),
        ('"A=B" = "x"', '"A=B" is no name of a variable'),
        ('"" = "x"', '"" is no name of a variable'),
        ('MODE = "x\\u0000"', '"MODE" has a NUL in its value'),
        ("MODE = 1", "is not a lock file"),
    ]:
        good.write_text(text.replace('MODE = "fast"', line))
        assert words in lab.refuse(good, 3), line
        done = lab.run("exec", good, "--", "true")
        assert (done.code, done.out, done.err.count("\n")) == (125, "", 1)
        assert words in done.err


def test_condas_order(lab: Lab) -> None:
    """Packages by the names of their files, the environment over them, scripts last; names in capitals."""
    first = {"A": "a", "BOTH": "a", "dropped": "a", "STATE": "a", "PATH": "/no", "1X": "no", "NUMBER": 3}
    second = {"BOTH": "b", "STATE": "b", "GONE": None}
    script = 'export SEEN="$BOTH $STATE" SCRIPT=script'
    prefix = lab.materialize(
        lock_of(
            lab,
            {
                "STATE": "state",
                "dropped": "***unset***",
                "SCRIPT": "state",
                "lower": "a\nb",
                "PYTHONPATH": "/p",
            },
            a={"etc/conda/env_vars.d/2.json": json.dumps(second), "etc/conda/activate.d/x.sh": script},
            b={"etc/conda/env_vars.d/1.json": json.dumps(first)},
        )
    )
    found = seen(lab, prefix, GONE="outer", STATE="outer", PYTHONPATH="outer", OTHER="outer")
    expected = {"A": "a", "BOTH": "b", "STATE": "state", "SEEN": "b state", "SCRIPT": "script", "NUMBER": "3"}
    expected |= {"LOWER": "a b", "PYTHONPATH": "/p", "OTHER": "outer"}
    assert {name: found.get(name) for name in expected} == expected
    assert found.keys().isdisjoint({"GONE", "DROPPED", "dropped", "lower", "1X"})
    assert found["PATH"].startswith(f"{prefix}/bin:")
    assert seen(lab, prefix, DROPPED="outer")["DROPPED"] == "outer", "only the package's is dropped"
    assert seen(lab, prefix, "--keep-pythonpath", PYTHONPATH="outer")["PYTHONPATH"] == "/p"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("conda-meta/state", "{"),
        ("conda-meta/state", "[]"),
        ("conda-meta/state", '{"env_vars": []}'),
        ("etc/conda/env_vars.d/a.json", "[1]"),
    ],
)
def test_a_file_that_says_nothing_fails_closed(lab: Lab, file: str, text: str) -> None:
    """In one line: without its variables a job may do something else."""
    prefix = lab.materialize(lock_of(lab, {"MODE": "fast"}, a={"etc/conda/env_vars.d/a.json": "{}"}))
    assert seen(lab, prefix)["MODE"] == "fast"
    (prefix / file).unlink()
    (prefix / file).write_text(text)
    done = lab.run("exec", prefix, "--", "echo", "must not run")
    assert (done.code, done.out) == (125, "")
    assert f"{prefix}/{file} does not say which variables to set: " in done.err
    assert f"size: {file}" in lab.run("verify", prefix).out


def test_the_files_are_condas(lab: Lab) -> None:
    """A package's own file of such a name gives way."""
    meta = '[tool.fastenv.conda-meta]\npinned = ["zlib 1", "a *"]\nfrozen = "{}"\n'
    made = lock_of(lab, {"MODE": "schön"}, meta, a={"conda-meta/pinned": "its own"})
    done = lab.run("materialize", made, "--prefix", lab.prefix("env"))
    assert done.code == 0
    assert "warning: a: its conda-meta/pinned gives way to the environment's own" in done.err
    folder = lab.prefix("env") / "conda-meta"
    assert json.loads((folder / "state").read_text("utf-8")) == {"version": 1, "env_vars": {"MODE": "schön"}}
    assert (folder / "pinned").read_text() == "zlib 1\na *\n"
    assert (folder / "frozen").read_text() == "{}"
    done = lab.run("verify", lab.prefix("env"), "--full")
    assert (done.code, done.out) == (0, "")
    (folder / "pinned").unlink()
    assert lab.run("verify", lab.prefix("env")).out == "missing: conda-meta/pinned\n"
    without = lab.materialize(conda_lock([archive_at(next(lab.folder.glob("channel/*/a-*")))], lab.folder))
    assert (without / "conda-meta/pinned").read_text() == "its own"
    assert not (without / "conda-meta/state").exists()


def test_the_copy_has_what_was_scanned(folder: Path, channel: Channel) -> None:
    """All but what looks secret; a change of any is a drift."""
    prefix, output = folder / "env", folder / "pylock.toml"
    install([make_package(channel.folder, "thing", files={"share/thing": "thing"})], prefix)
    move_channel(prefix, channel.url, old=channel.folder.as_uri())
    meta = prefix / "conda-meta"
    state = {"OMP_NUM_THREADS": "1", "mode": "schön\n", "OFF": "***unset***", "API_TOKEN": "tell-nobody"}
    (meta / "state").write_text(json.dumps({"version": 1, "env_vars": state}))
    (meta / "pinned").write_text("# mine\nopenssl 3.*\n\nthing 1.0\n")
    (meta / "frozen").write_text('{"message": "leave it alone"}\n')
    said: list[str] = []
    made = lock(
        output=output,
        prefix=prefix,
        public_indexes=[channel.url],
        on_event=lambda it: said.append(it.message),
    )
    (told,) = (text for text in said if "state" in text)
    assert told.startswith(
        "API_TOKEN (conda-meta/state) may be secret and is not in the lock: set it where a job"
    )
    assert "tell-nobody" not in made.text
    assert made.env_id == env_id(made.text)
    here = scan(prefix=prefix).conda
    copy = materialize(made, root=folder / "root", prefix=folder / "there/env").prefix
    there = scan(prefix=copy).conda
    assert here is not None
    assert there is not None
    assert there.variables == tuple(pair for pair in here.variables if pair[0] != "API_TOKEN")
    assert (there.pinned, there.frozen) == (here.pinned, here.frozen)
    assert diff(copy, prefix) == diff(copy, made) == check_lock(output, prefix=prefix) == ()
    (meta / "state").write_text(json.dumps({"env_vars": {**state, "OMP_NUM_THREADS": "2"}}))
    (meta / "frozen").unlink()
    found = [(it.kind, it.name, it.left, it.right) for it in check_lock(output, prefix=prefix)]
    assert found == [
        ("variable", "OMP_NUM_THREADS", "1", "2"),
        ("setting", "frozen", '{"message": "leave it alone"}\n', None),
    ]
    changed = lock(prefix=prefix, public_indexes=[channel.url])
    assert changed.env_id != made.env_id
