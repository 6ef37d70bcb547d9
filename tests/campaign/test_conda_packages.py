"""Environments of conda packages that nobody thought of, beside py-rattler's."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from tests.lab.conda_oracle import compare
from tests.lab.conda_prefix import Installer
from tests.lab.conda_strategies import Shape, environments, names


def test_an_environment_is_py_rattlers(full: bool) -> None:
    with Installer() as installer:

        @settings(
            max_examples=5000 if full else 5, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(shapes=environments(), name=names)
        def agree(shapes: list[Shape], name: str) -> None:
            assert compare(installer, shapes, name) == []

        agree()
