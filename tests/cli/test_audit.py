from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pytest

from devvault.cli.audit import _fits, _flat, _harmless, _rows, _since, _time
from devvault.errors import WrongUse

UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
EVENT = {
    "seq": 7,
    "time": "2026-11-23T10:00:00.1234560Z",
    "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-ONE",
    "operationName": "SecretGet",
    "resultType": "Success",
    "resultDescription": "",
    "identity": {"claim": {UPN: "me@laptop"}},
    "properties": {
        "id": "https://kv-one.vault.azure.net/secrets/Db-Main/0123",
        "httpStatusCode": 200,
        "clientInfo": "devvault-cli",
    },
}


def filters(vault=None, secret=None):
    return argparse.Namespace(vault=vault, secret=secret)


@pytest.mark.parametrize(
    ("vault", "secret", "fits"),
    [
        (None, None, True),
        ("KV-one", None, True),
        ("kv", None, False),
        (None, "db-main", True),
        (None, "db", False),
        ("kv-one", "db-main", True),
        ("kv-two", "db-main", False),
    ],
)
def test_filters_take_whole_names_in_any_case(vault, secret, fits):
    assert _fits(filters(vault, secret), EVENT) is fits


def test_a_record_as_columns():
    assert _flat(EVENT) == {
        "seq": "7",
        "time": "2026-11-23T10:00:00.1234560Z",
        "operation": "SecretGet",
        "result": "Success",
        "status": "200",
        "caller": "me@laptop",
        "object": "https://kv-one.vault.azure.net/secrets/Db-Main/0123",
        "detail": "",
        "client": "devvault-cli",
    }
    assert _rows([EVENT])[0]["Time"] == "2026-11-23T10:00:00Z"


def test_a_name_with_an_escape_cannot_steer_the_terminal():
    event = {**EVENT, "identity": {"claim": {UPN: "\x1b[2Jme"}}}
    assert _rows([event])[0]["Who"] == "\\x1b[2Jme"


def test_times():
    assert _time(EVENT) == datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
    assert _since("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)
    with pytest.raises(WrongUse):
        _since("lately")


def test_no_cell_is_a_formula():
    assert _harmless("=cmd()") == "'=cmd()"
    assert _harmless(" =cmd()") == "' =cmd()"
    assert _harmless("a\x1b[2J") == "a\\x1b[2J"
    assert _harmless("plain") == "plain"
