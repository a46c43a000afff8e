from __future__ import annotations

import pytest

from devvault.cli.hints import add_hint
from devvault.cli.planes import host_of, segment
from devvault.errors import Conflict, Forbidden, Invalid, NotFound


def hint_of(error, **where):
    add_hint(error, **where)
    return error.hint


def test_a_refusal_gets_the_command_that_helps():
    held = Conflict("Secret a is currently ...", inner="ObjectIsDeletedButRecoverable")
    assert hint_of(held, vault="kv-one", path="/secrets/a") == (
        "devvault keyvault secret recover --vault-name kv-one --name a"
    )
    gone = NotFound("A secret ...", code="SecretNotFound")
    assert hint_of(gone, vault="kv", path="/secrets/a/") == (
        "devvault keyvault secret list --vault-name kv -o table"
    )
    assert "role assignment" in hint_of(Forbidden("no", inner="ForbiddenByRbac"))

    by_role = Forbidden(
        "Caller ...\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n",
        inner="ForbiddenByRbac",
    )
    assert hint_of(by_role, vault="kv", path="/secrets/a/") == (
        "devvault access explain --action getSecret --secret a --vault kv"
    )
    by_policy = Forbidden("x does not have secrets list permission on y", inner="AccessDenied")
    assert hint_of(by_policy, vault="kv", path="/secrets") == (
        "devvault access explain --action list --vault kv"
    )


def test_an_error_keeps_the_hint_it_brought():
    error = NotFound("x", code="SecretNotFound", hint="mine")
    assert hint_of(error) == "mine"
    assert hint_of(Invalid("something else")) is None


def test_a_hostile_name_never_lands_in_a_hint():
    error = Conflict("x", inner="ObjectIsDeletedButRecoverable")
    assert hint_of(error, vault="kv", path="/secrets/$(id)") == (
        "devvault keyvault secret recover --vault-name kv"
    )


@pytest.mark.parametrize("name", ["a b", "", "kv\r\nHost: x", "kv.evil.example", "-kv", "a" * 25])
def test_no_other_host_is_ever_asked(name):
    with pytest.raises(Invalid):
        host_of(name)


def test_names_stay_one_segment():
    assert segment("a b?c#d%2F") == "a%20b%3Fc%23d%252F"
    assert segment("", may_be_empty=True) == ""
    for name in ("a/b", "..", ".", ""):
        with pytest.raises(Invalid):
            segment(name)
    assert host_of("My-KV") == "my-kv.vault.azure.net"
