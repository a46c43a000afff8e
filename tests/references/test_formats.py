"""What each form writes, it reads: the same vault, secret and version, and the text as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.references import appconfig, arm, azd, bicep, containers, csi, devops
from devvault.references.base import FORMS, find, parse

VAULTS = st.from_regex(r"[a-z][a-z0-9-]{1,22}[a-z0-9]", fullmatch=True)
NAMES = st.from_regex(r"[0-9a-zA-Z-]{1,127}", fullmatch=True)
VERSIONS = st.one_of(st.none(), st.from_regex(r"[0-9a-f]{32}", fullmatch=True))
GUIDS = st.uuids().map(str)
GROUPS = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_().-]{0,20}", fullmatch=True)
IDENTITIES = st.one_of(st.just("system"), GROUPS.map(lambda g: f"/subscriptions/s/{g}"))


def reads(text, form, vault, name, version=None):
    reference = parse(text)
    assert (reference.text, reference.form) == (text, form)
    assert (reference.vault, reference.name, reference.version) == (vault, name, version)
    assert reference.is_served
    return reference


def uri(vault, name, version):
    return f"https://{vault}.vault.azure.net/secrets/{name}" + (f"/{version}" if version else "")


@given(GUIDS, VAULTS, NAMES)
def test_azd(subscription, vault, name):
    reads(azd.format_reference(subscription, vault, name), "azd", vault, name)


@given(VAULTS, NAMES, VERSIONS)
def test_app_configuration(vault, name, version):
    value = appconfig.format_reference(uri(vault, name, version))
    reads(value, "appconfig", vault, name, version)
    for kind in (appconfig.CONTENT_TYPE, appconfig.CONTENT_TYPE.title() + "; charset=utf-8"):
        assert appconfig.is_reference_type(kind)
        whole = appconfig.format_key_value(value, kind)
        reads(whole, "appconfig", vault, name, version)


@given(VAULTS, NAMES, VERSIONS, IDENTITIES)
def test_container_apps(vault, name, version, identity):
    where = uri(vault, name, version)
    reads(containers.format_reference(where, identity), "containers", vault, name, version)
    reads(containers.format_entry(where, identity), "containers", vault, name, version)


@given(GUIDS, GROUPS, VAULTS, NAMES, VERSIONS)
def test_arm(subscription, group, vault, name, version):
    at = (
        f"/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.KeyVault/vaults/{vault}"
    )
    reads(arm.format_reference(at, name, version), "arm", vault, name, version)


@given(GUIDS, GROUPS, VAULTS, NAMES, VERSIONS)
def test_bicep(subscription, group, vault, name, version):
    text = bicep.format_reference(subscription, group, vault, name, version)
    reads(text, "bicep", vault, name, version)


@given(VAULTS, NAMES, VERSIONS, st.sampled_from(["", "utf-8", "hex", "base64"]))
def test_csi(vault, name, version, encoding):
    members = {"keyvaultName": vault, "objectName": name, "objectType": "secret"}
    members |= {"objectEncoding": encoding, "objectVersion": version or ""}
    found = reads(csi.format_reference(members), "csi", vault, name, version)
    assert found.encoding == encoding.replace("utf-8", "")


@given(VAULTS, NAMES)
def test_devops(vault, name):
    reads(devops.format_reference(vault, name), "devops", vault, name)


@pytest.mark.parametrize(
    "text",
    [
        '{"uri":"https://hunter2.example/secrets/x"}',
        "keyvaultref:https://u:hunter2@v.vault.azure.net/secrets/x",
        "az.getSecret('a', 'b', 'hunter2_', 'c')",
        "akvs://a/hunter2_/b",
        '{"keyvaultName": "hunter2_", "objectName": "x"}',
        '{"KeyVaultName": "v", "SecretsFilter": "hunter2_"}',
        '{"keyVault": {"id": "hunter2"}, "secretName": "x"}',
        '{"keyVault": {"id": "x"}, "secretName": "x", "hunter2": 1}',
    ],
)
def test_a_message_never_repeats_the_text(text):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert "hunter2" not in caught.value.message


def test_an_object_of_any_size_or_depth_is_told_at_once():
    for text in (
        '{"keyVault": {"id": ' + "[" * 100_000 + ', "secretName": 1',
        '{"keyVault": {"id": ' + "9" * 10_000 + '}, "secretName": "x"}',
        '{"uri":"https://x.vault.azure.net/secrets/' + "a" * 100_000 + '"}',
    ):
        assert find(text) is not None
        with pytest.raises(Invalid):
            parse(text)


def test_every_form_is_tested_here():
    assert set(FORMS) - {"appservice"} == {
        module.__name__.rpartition(".")[2]
        for module in (azd, appconfig, containers, arm, bicep, csi, devops)
    }
