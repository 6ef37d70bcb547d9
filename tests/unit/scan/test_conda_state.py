"""Variables of conda-meta/state: whose value is told, and whose is not."""

from __future__ import annotations

import json

import pytest

from fastenv.scan.conda_state import MASK, variables_of

SECRETS = [
    ("API_TOKEN", "x"),
    ("HF_TOKEN", "x"),
    ("db_password", "x"),
    ("MYSQL_PWD", "x"),
    ("DB_PASS", "x"),
    ("AWS_SECRET_ACCESS_KEY", "x"),
    ("OPENAI_API_KEY", "x"),
    ("REGISTRY_AUTH", "x"),
    ("DATABASE_URL", "postgres://me:word@db.example/x"),
    ("CHANNEL", "https://channel.example/t/to-ken/main"),
    ("CERTIFICATE", "-----BEGIN RSA PRIVATE KEY-----\nx"),
]
PLAIN = [
    ("MODE", "fast"),
    ("TOKENIZERS_PARALLELISM", "false"),
    ("GIT_AUTHOR_NAME", "me"),
    ("KEYBOARD", "de"),
    ("INDEX", "https://index.example/simple"),
    ("API_TOKEN", "***unset***"),
    ("EMPTY", ""),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_secrets_are_masked(name: str, value: str) -> None:
    assert variables_of(json.dumps({"env_vars": {name: value}})) == ((name, MASK),)


def test_all_else_is_told_in_order() -> None:
    state = {"version": 1, "env_vars": {**dict(PLAIN), "NUMBER": 3, "NOTHING": None}}
    assert variables_of(json.dumps(state)) == tuple(sorted([*PLAIN, ("NUMBER", "3")]))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"env_vars": []}', '{"env_vars": null}'])
def test_what_is_no_state_has_none(text: str) -> None:
    assert variables_of(text) == ()
