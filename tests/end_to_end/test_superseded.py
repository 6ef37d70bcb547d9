"""What lies beside a lock after it was made again: its archives, and nothing that only the former lock named."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.lab.venv import alone, make_venv, site_of

from fastenv.exceptions import LockFaults
from fastenv.lock import lock
from fastenv.lock.superseded import Beside
from fastenv.testing import make_wheel

LOCK = "pylock.fastenv.toml"


def archives(folder: Path) -> list[str]:
    """The names of what lies beside a lock."""
    return sorted(path.name for path in (folder / "pylock.fastenv.d").rglob("*") if path.is_file())


def test_after_each_edit_the_former_wheel_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But what another lock names, in whatever file, what nobody named, and all if the new lock is not made."""
    alone(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    make_wheel(tmp_path / "mine", "lost", "1.0", {"lost.py": "L = 1\n"})
    python = make_venv(tmp_path / "env", "lost", links=tmp_path / "mine")
    shutil.rmtree(tmp_path / "mine")
    folder, code = tmp_path / "here", site_of(python) / "lost.py"
    folder.mkdir()
    beside, made, digests = folder / "pylock.fastenv.d", folder / LOCK, []

    def again(text: str) -> str:
        code.write_text(text)
        (row,) = lock(python=python, output=made).packages
        digests.append(row.sha256)
        return row.sha256

    again("L = 1\n")
    stranger = beside / ("0" * 64) / "lost-1.0-py3-none-any.whl"
    stranger.parent.mkdir()
    stranger.write_text("nobody named this one")
    again("L = 2\n")
    assert sorted(path.name for path in beside.iterdir()) == sorted(["0" * 64, digests[1]])
    shutil.copy(made, folder / "pylock.fastenv.toml.bak")
    again("L = 3\n")
    assert (beside / digests[1]).is_dir(), "the copy of the lock names it"
    again("L = 4\n")
    assert not (beside / digests[2]).exists()
    with pytest.raises(LockFaults):
        lock(python=python, output=made, strict=True)
    assert (beside / digests[3]).is_dir()


@pytest.fixture
def former(tmp_path: Path) -> tuple[Path, Path]:
    """A lock, and the archive that it names."""
    path = f"pylock.fastenv.d/{'a' * 64}/x-1.0-py3-none-any.whl"
    archive, target = tmp_path / path, tmp_path / LOCK
    archive.parent.mkdir(parents=True)
    archive.write_text("x")
    target.write_text(f'[tool.fastenv]\npath = "{path}"\n')
    return target, archive


def make_again(target: Path) -> None:
    """Write a lock there that names nothing."""
    with Beside(target) as beside:
        target.write_text("a new one")
        beside.tidy(SimpleNamespace(text="a new one"))  # type: ignore[arg-type]


def test_while_another_lock_is_made_here_nothing_goes(former: tuple[Path, Path]) -> None:
    """It may have found its archive there, and not be written yet."""
    target, archive = former
    text = target.read_text()
    with Beside(target.with_name("pylock.other.toml")):
        make_again(target)
        assert archive.is_file()
    target.write_text(text)
    make_again(target)
    assert not archive.parent.parent.exists()


@pytest.mark.parametrize("linked", [LOCK, "pylock.fastenv.d"])
def test_what_a_link_leads_to_may_be_anothers(former: tuple[Path, Path], linked: str) -> None:
    target, archive = former
    place = target.with_name(linked)
    place.rename(target.with_name("elsewhere"))
    place.symlink_to("elsewhere")
    make_again(target)
    assert archive.is_file()
