"""What to tell the user who has to put a conda package's files back."""

from __future__ import annotations

from fastenv.scan.inventory import CondaPackage

__all__ = ["reinstall"]


def reinstall(package: CondaPackage) -> str:
    """The command that does it, in words."""
    spec = f"{package.name}={package.version}={package.build}"
    return f"install it again: conda install --force-reinstall {spec}"
