"""Laws of installing conda packages: what py-rattler makes of one is what we make of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from tests.lab.conda_oracle import compare
from tests.lab.conda_prefix import Installer
from tests.lab.conda_strategies import Shape, environments, names


@pytest.fixture(scope="module")
def installer() -> Iterator[Installer]:
    with Installer() as process:
        yield process


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes=environments(), name=names)
def test_an_environment_is_py_rattlers(installer: Installer, shapes: list[Shape], name: str) -> None:
    """Its tree, and what conda-meta means. ``tests/campaign/test_conda_packages.py`` does many more."""
    assert compare(installer, shapes, name) == []
