"""Conda's link scripts: run as conda runs them where the lock asks for it, and never otherwise."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.lab.conda_locks import archive_at, conda_lock
from tests.lab.conda_package import Content, Link, make_package
from tests.lab.lab import Lab, interrupt

ASKED = "link-scripts = true"


def package(
    lab: Lab,
    name: str,
    script: str = "",
    files: Mapping[str, Content] | None = None,
    depends: tuple[str, ...] = (),
) -> Path:
    """A package with a post-link script, if ``script`` is one."""
    own = {f"bin/.{name}-post-link.sh": script} if script else {}
    files = {f"share/{name}": name, **own, **(files or {})}
    return make_package(lab.folder / "channel", name, files=files, depends=depends)


def lock_of(lab: Lab, *packages: Path, head: str = ASKED) -> Path:
    return conda_lock([archive_at(path) for path in packages], lab.folder, head=head)


def verified(lab: Lab, prefix: Path) -> None:
    done = lab.run("verify", prefix, "--full")
    assert done.code == 0, done.out
    done = lab.run("store", "verify")
    assert done.code == 0, done.out


def test_a_script_that_fails(lab: Lab) -> None:
    """Its output is told, and nothing is left of the environment."""
    script = "echo said; echo loudly >&2; echo 'read this' > $PREFIX/.messages.txt; exit 3"
    said = lab.refuse(lock_of(lab, package(lab, "a", "true"), package(lab, "b", script)), 5)
    assert "error: the link script of b failed (exit status: 3)\n  said\n  loudly\n  read this\n" in said
    assert "--link-scripts" in said


def test_what_stood_there_stands_there_again(lab: Lab) -> None:
    first = lab.materialize(lock_of(lab, package(lab, "a")))
    (first / "mine").write_text("mine")
    bad = lock_of(lab, package(lab, "a"), package(lab, "b", "exit 1"))
    lab.refuse(bad, 5)
    (first / "bin/mine").write_text("somebody's")
    lab.refuse(bad, 5)
    assert (first / "bin/mine").read_text() == "somebody's"
    assert [path.name for path in lab.envs.iterdir()] == ["env"]
    lab.prefix("empty").mkdir()
    assert lab.run("materialize", bad, "--prefix", lab.prefix("empty")).code == 5
    assert list(lab.prefix("empty").iterdir()) == []


def test_without_a_shell(lab: Lab) -> None:
    lock = lock_of(lab, package(lab, "a", "true"))
    done = lab.run("materialize", lock, "--prefix", lab.prefix("env"), env={"PATH": "/nowhere"})
    assert (done.code, "can't be run by bash" in done.err) == (5, True)
    assert not lab.prefix("env").exists()


def test_only_where_the_lock_asks(lab: Lab) -> None:
    lock = lock_of(lab, package(lab, "a", "exit 1"), head="")
    assert (lab.materialize(lock) / "bin/.a-post-link.sh").exists()


def test_others_are_never_run(lab: Lab) -> None:
    """What would change the store, and what belongs to an uninstallation."""
    files = {
        f"bin/.a-{action}.sh": "touch $PREFIX/ran" for action in ("pre-link", "pre-unlink", "post-unlink")
    }
    lock = lock_of(lab, package(lab, "a", "", files))
    done = lab.run("materialize", lock, "--prefix", lab.prefix("env"))
    assert done.code == 0
    assert "warning: a: its pre-link script is not run" in done.err
    assert not (lab.prefix("env") / "ran").exists()


def test_as_conda_runs_them(lab: Lab) -> None:
    """After those of what the package needs, in its folder, activated, told who it is and where."""
    words = [
        "PKG_NAME",
        "PKG_VERSION",
        "PKG_BUILDNUM",
        "PREFIX",
        "ROOT_PREFIX",
        "PWD",
        "CONDA_PREFIX",
        "GREETING",
    ]
    tell = f'echo "{" ".join(f"${word}" for word in words)}" >> "$PREFIX/told"'
    tools = {
        "etc/conda/activate.d/x.sh": "export GREETING=hello; echo noise",
        "bin/tool": '#!/bin/sh\ntouch "$PREFIX/tool-ran"\n',
    }
    archives = [
        package(lab, "a", f"{tell}; tool", depends=("c >=1", "b")),
        package(lab, "b", tell, depends=("a",)),
        package(lab, "c", tell, tools),
    ]
    prefix = lab.materialize(lock_of(lab, *archives), prefix="with a blank")
    rows = (prefix / "told").read_text().splitlines()
    assert [row.split()[0] for row in rows] == ["b", "c", "a"]
    assert rows[0] == f"b 1.0 0 {prefix} {prefix} {prefix}/bin {prefix} hello"
    assert (prefix / "tool-ran").exists()
    verified(lab, prefix)


def test_messages_are_for_the_user(lab: Lab) -> None:
    script = "printf 'Do not forget\\n\\n  to vote.\\n' > $PREFIX/.messages.txt"
    lock = lock_of(lab, package(lab, "a", script))
    done = lab.run("materialize", lock, "--prefix", lab.prefix("env"))
    assert (done.code, "warning: a: Do not forget to vote.\n" in done.err) == (0, True)
    assert not (lab.prefix("env") / ".messages.txt").exists()


@pytest.mark.parametrize("mode", ["auto", "hardlink"])
def test_what_a_script_does_is_the_environments(lab: Lab, mode: str) -> None:
    """It changes, removes and makes files as it likes: the store has its own, and a check knows them."""
    files: dict[str, Content] = {
        "share/kept": "kept",
        "share/changed": "old",
        "share/gone": "x",
        "share/link": Link("kept"),
    }
    script = """set -e
    echo new >> $PREFIX/share/changed
    rm $PREFIX/share/gone
    rm $PREFIX/share/link; ln -s changed $PREFIX/share/link
    mkdir $PREFIX/made; echo made > $PREFIX/made/file; chmod +x $PREFIX/made/file
    """
    lock = lock_of(lab, package(lab, "a", script, files))
    prefix = lab.materialize(lock, "--link-mode", mode)
    assert (prefix / "share/changed").read_text() == "oldnew\n"
    assert not (prefix / "share/gone").exists()
    verified(lab, prefix)
    assert '"reused":true' in lab.run("materialize", lock, "--prefix", prefix, "--json").out
    (prefix / "made/file").write_text("mine")
    assert lab.run("verify", prefix).out.startswith("size: made/file")
    other = lab.materialize(lock, prefix="other")
    assert (other / "share/changed").read_text() == "oldnew\n"


def test_in_the_store_it_is_sealed(lab: Lab) -> None:
    lock = lock_of(lab, package(lab, "a", "echo '#!/bin/sh\necho ran' > made; chmod +x made"))
    done = lab.run("exec", lock, "--", "made")
    assert (done.code, done.out, done.err) == (0, "ran\n", "")
    prefix = lab.materialize(lock, prefix=None)
    assert (prefix / "bin").stat().st_mode & 0o777 == 0o555


SLOW = "test -e $HOME/go || { echo $$ > $HOME/begun; sleep 60; }"


def begun(lab: Lab) -> int:
    """The process of a script that waits."""
    file = lab.folder / "home/begun"
    for _ in range(1000):
        if file.exists() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.01)
    raise AssertionError("the script has not begun")


def test_a_run_that_is_killed_meanwhile(lab: Lab) -> None:
    """What it leaves is nobody's environment, and the next run makes it anew."""
    lock, prefix = lock_of(lab, package(lab, "a", "echo x >> $PREFIX/share/a; " + SLOW)), lab.prefix("env")
    process = lab.start("materialize", lock, "--prefix", prefix)
    script = begun(lab)
    process.kill()
    process.communicate()
    os.killpg(script, signal.SIGKILL)
    done = lab.run("exec", prefix, "--", "true")
    assert (done.code, "interrupted" in done.err) == (125, True)
    (lab.folder / "home/go").touch()
    lab.materialize(lock)
    assert (prefix / "share/a").read_text() == "ax\n"
    assert [path.name for path in lab.envs.iterdir()] == ["env"], "nothing was put aside"
    verified(lab, prefix)


def test_ctrl_c_ends_the_script_too(lab: Lab) -> None:
    process = lab.start("materialize", lock_of(lab, package(lab, "a", SLOW)), "--prefix", lab.prefix("env"))
    script = begun(lab)
    assert interrupt(process).code == 130
    assert not Path(f"/proc/{script}").exists()
    assert lab.residue() == []
    assert not lab.prefix("env").exists()
