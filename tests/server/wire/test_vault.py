from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.model.vault import Network, Policy, Vault
from devvault.server.wire.vault import read_spec, show_deleted, show_vault, time_text

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
words = st.text("abc-.1", min_size=1, max_size=6)
lists = st.lists(words, max_size=3).map(tuple)
networks = st.builds(
    Network,
    st.sampled_from(["AzureServices", "None"]),
    st.sampled_from(["Allow", "Deny"]),
    lists,
    lists,
)
policies = st.builds(Policy, words, words, st.just("") | words, lists, lists, lists, lists)
vaults = st.builds(
    Vault,
    st.just("my-vault"),
    st.just("team"),
    st.just("westeurope"),
    words,
    words,
    st.just(AT),
    st.just(AT),
    sku=st.sampled_from(["standard", "premium"]),
    rbac=st.booleans(),
    retention=st.integers(7, 90),
    purge_protection=st.booleans(),
    for_deployment=st.booleans(),
    for_disk_encryption=st.booleans(),
    for_template_deployment=st.booleans(),
    public_network=st.sampled_from(["Enabled", "Disabled", "SecuredByPerimeter"]),
    network=networks,
    policies=st.lists(policies, max_size=2).map(tuple),
    tags=st.dictionaries(words, words, max_size=2),
)


@given(vaults)
def test_what_az_is_shown_it_can_send_back(vault):
    """`az keyvault update` reads the vault and puts all of it back."""
    body = json.loads(json.dumps(show_vault(vault)))
    spec = read_spec(vault.group, vault.name, body)
    assert (spec.name, spec.group, spec.location) == ("my-vault", "team", "westeurope")
    assert (spec.sku, spec.rbac, spec.retention) == (vault.sku, vault.rbac, vault.retention)
    assert spec.soft_delete is True
    assert spec.purge_protection is (True if vault.purge_protection else None)
    assert (spec.for_deployment, spec.for_disk_encryption, spec.for_template_deployment) == (
        vault.for_deployment,
        vault.for_disk_encryption,
        vault.for_template_deployment,
    )
    assert (spec.public_network, spec.policies) == (vault.public_network, vault.policies)
    assert (spec.network or Network()) == vault.network
    assert spec.tags == dict(vault.tags)


def test_an_empty_patch_asks_for_nothing():
    spec = read_spec("g", "v", {})
    asked = [getattr(spec, name) for name in spec.__slots__ if name not in {"name", "group"}]
    assert asked == [None] * len(asked)


def test_a_deleted_vault():
    vault = Vault("my-vault", "team", "westeurope", "s", "t", AT, AT, retention=7)
    shown = show_deleted(replace(vault, deleted=AT))
    assert shown["id"] == (
        "/subscriptions/s/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/my-vault"
    )
    assert shown["properties"]["scheduledPurgeDate"] == "2026-03-08T12:00:00.123Z"
    assert "purgeProtectionEnabled" not in shown["properties"]


def test_times_are_utc_to_the_millisecond():
    assert time_text(AT) == "2026-03-01T12:00:00.123Z"


@pytest.mark.parametrize(
    "properties",
    [
        {"accessPolicies": [{}]},
        {"accessPolicies": [{"tenantId": "t"}]},
        {"accessPolicies": [{"tenantId": "t", "objectId": "o", "permissions": {"keys": [1]}}]},
        {"networkAcls": []},
        {"networkAcls": {"bypass": "Everybody"}},
        {"networkAcls": {"virtualNetworkRules": [{"id": 1}]}},
    ],
)
def test_malformed_members(properties):
    with pytest.raises(Invalid):
        read_spec("g", "v", {"properties": properties})
