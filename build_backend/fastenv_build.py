"""The build backend: maturin, and before it the node program.

A wheel of fastenv holds two things made of Rust: the extension module ``fastenv._core``, which
maturin builds, and the program ``fastenv-node``, which needs no Python at all and therefore must run
on any node. Both are linked for glibc 2.17 by zig (``cargo-zigbuild`` and ``ziglang``, both wheels), so
that what is built on a new machine runs on an old one. Where zig does not work, the machine's own linker
does it, with a warning, and the result runs where glibc is at least as new as here.

The hooks are those of PEP 517 and PEP 660. ``target/`` stays in the source folder, so a second build
compiles only what has changed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import maturin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Settings = Mapping[str, Any] | None

ROOT = Path(__file__).resolve().parent.parent
TRIPLE = "x86_64-unknown-linux-gnu"
GLIBC = "2.17"
NODE_PROGRAM = ROOT / "python" / "fastenv" / "node" / "linux-x86_64" / "fastenv-node"

get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
get_requires_for_build_editable = maturin.get_requires_for_build_editable
prepare_metadata_for_build_wheel = maturin.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = maturin.prepare_metadata_for_build_editable
build_sdist = maturin.build_sdist


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel (PEP 517)."""
    settings = _build_programs(config_settings)
    return maturin.build_wheel(wheel_directory, settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build an editable wheel (PEP 660); the node program lies in the source folder then."""
    settings = _build_programs(config_settings)
    return maturin.build_editable(wheel_directory, settings, metadata_directory)


def _build_programs(config_settings: Settings) -> dict[str, Any]:
    """Build the node program, and return the settings by which maturin links its part alike."""
    _refuse_other_machines()
    old_glibc = _zig_works()
    _build_node_program(old_glibc=old_glibc)
    settings = dict(config_settings or {})
    arguments = maturin.get_maturin_pep517_args(settings)
    if old_glibc:
        arguments = ["--zig", "--compatibility", "manylinux2014", *arguments]
    settings["build-args"] = ["--target", TRIPLE, *arguments]
    return settings


def _refuse_other_machines() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SystemExit(
            f"fastenv can be built on x86_64 Linux only, and this is {platform.machine()} "
            f"{platform.system()}: its node program has no other target yet"
        )


def _zig_works() -> bool:
    """Whether zig links a small program here; if so, the tools that build with it will find it."""
    try:
        import ziglang
    except ImportError:
        return _without_zig("the package ziglang is not installed")
    zig = Path(ziglang.__file__).parent / "zig"
    if shutil.which("cargo-zigbuild") is None:
        return _without_zig("cargo-zigbuild is not on PATH")
    trial = ROOT / "target" / "zig"
    trial.mkdir(parents=True, exist_ok=True)
    os.environ["CARGO_ZIGBUILD_ZIG_PATH"] = str(zig)
    os.environ.setdefault("CARGO_ZIGBUILD_CACHE_DIR", str(trial / "wrappers"))
    os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(trial / "cache"))
    source = trial / "trial.c"
    source.write_text("int main(void) { return 0; }\n")
    link = [zig, "cc", "-target", f"x86_64-linux-gnu.{GLIBC}", source, "-o", trial / "trial"]
    answer = subprocess.run(link, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return _without_zig(answer.stderr.strip() or f"zig ended with {answer.returncode}")
    # Libraries in C as .cargo/config.toml has it of Rust. Only zig's compiler is sure to know the flag: gcc does not.
    os.environ["CFLAGS"] = f"{os.environ.get('CFLAGS', '')} -mbranches-within-32B-boundaries".strip()
    return True


def _without_zig(reason: str) -> bool:
    libc = " ".join(platform.libc_ver())
    warnings.warn(
        f"zig is not usable ({reason}), so the machine's linker is used: what is built here needs "
        f"{libc} or newer, not glibc {GLIBC}",
        stacklevel=1,
    )
    return False


def _build_node_program(*, old_glibc: bool) -> None:
    environment = {**os.environ, **(maturin._get_env() or {})}  # a Rust that maturin installed
    # A folder of its own: maturin's and cargo-zigbuild's linker wrappers differ in their paths, and in
    # one folder each would make the other compile everything again.
    folder = Path(environment.get("CARGO_TARGET_DIR", ROOT / "target")) / "node"
    verb, target = ("zigbuild", f"{TRIPLE}.{GLIBC}") if old_glibc else ("build", TRIPLE)
    command = ["cargo", verb, "--release", "--bin", "fastenv-node", "--target", target]
    command += ["--target-dir", str(folder)]
    print("Running `" + " ".join(command) + "`", flush=True)
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    _replace(folder / TRIPLE / "release" / "fastenv-node", NODE_PROGRAM)


def _replace(source: Path, destination: Path) -> None:
    """Copy a program over one that may be running: a new file, then a rename."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging = destination.with_name(destination.name + ".new")
    shutil.copy2(source, staging)
    staging.chmod(0o755)
    staging.replace(destination)
