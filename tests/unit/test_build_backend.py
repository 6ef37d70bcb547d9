"""The build, where zig does not work."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

BACKEND = Path(__file__).parents[2] / "build_backend/fastenv_build.py"


@pytest.fixture
def backend() -> ModuleType:
    pytest.importorskip("maturin")
    spec = importlib.util.spec_from_file_location("fastenv_build", BACKEND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_machines_own_compiler_gets_no_flag_of_zigs(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """gcc refuses it, and the build with it."""
    package = ModuleType("ziglang")
    package.__file__ = str(tmp_path / "__init__.py")
    (tmp_path / "zig").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "zig").chmod(0o755)
    monkeypatch.setitem(sys.modules, "ziglang", package)
    monkeypatch.setattr(backend, "ROOT", tmp_path)
    monkeypatch.setattr(backend.shutil, "which", lambda _: "/bin/true")
    for name in ("CARGO_ZIGBUILD_ZIG_PATH", "CARGO_ZIGBUILD_CACHE_DIR", "ZIG_GLOBAL_CACHE_DIR"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("CFLAGS", "-O1")
    with pytest.warns(UserWarning, match="zig is not usable"):
        assert not backend._zig_works()
    assert os.environ["CFLAGS"] == "-O1"
