"""What every form of a reference keeps to; a new form is tested by being in the register."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.references.base import FORMS, Form, get_form
from devvault.references.marks import MARKS, has_mark

# A few texts of each form, and what is inside them, to build broken ones from.
SAMPLES = {
    "appservice": [
        "@Microsoft.KeyVault(VaultName=my-vault;SecretName=db)",
        "@microsoft.keyvault(SecretUri=https://my-vault.vault.azure.net/secrets/db/v1)",
    ],
    "azd": ["akvs://00000000-0000-0000-0000-000000000000/my-vault/db"],
    "appconfig": [
        '{"uri":"https://my-vault.vault.azure.net/secrets/db"}',
        (
            '{"contentType":"application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8",'
            '"value":"{\\"uri\\":\\"https://my-vault.vault.azure.net/secrets/db\\"}"}'
        ),
    ],
    "containers": [
        "keyvaultref:https://my-vault.vault.azure.net/secrets/db,identityref:system",
        '{"keyVaultUrl":"https://my-vault.vault.azure.net/secrets/db/v1"}',
    ],
    "arm": [
        (
            '{"reference":{"keyVault":{"id":"/subscriptions/s/resourceGroups/g/providers/'
            'Microsoft.KeyVault/vaults/my-vault"},"secretName":"db"}}'
        )
    ],
    "bicep": ["az.getSecret('sub', 'group', 'my-vault', 'db')"],
    "csi": ['{"keyvaultName":"my-vault","objectName":"db","objectType":"secret"}'],
    "devops": ['{"KeyVaultName":"my-vault","SecretsFilter":"db"}'],
}
# fmt: off
PIECES = [
    "@Microsoft.KeyVault(", ")", "SecretUri=", "VaultName=", "SecretName=", ";", "=", " ", "'",
    '"', "https://", "my-vault", ".vault.azure.net", "/", "secrets", "db", ":", "443", "@", "?",
    "#", "%20", "\0", "\ud800", "é", "akvs://",
    '{"uri":"', '"}', "keyvaultref:", "identityref:", ",", "az.getSecret(", '{"keyVault":',
    '"secretName":', "{", "}",
    '{"keyvaultName":', '"objectName":', '"SecretsFilter":', '"keyVaultUrl":', '"my-vault"', "\\",
    '"content_type":"application/vnd.microsoft.appconfig.keyvaultref+json",', '"value":"',
]
# fmt: on
BROKEN = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)


@pytest.fixture(params=sorted(FORMS))
def form(request) -> Form:
    return get_form(request.param)


def test_every_form_has_samples():
    assert set(SAMPLES) == set(FORMS)


def test_its_name_is_the_registers(form):
    assert get_form(form.name) is form


def test_it_finds_and_parses_its_own(form):
    for text in SAMPLES[form.name]:
        assert has_mark(text)
        assert form.find(text)
        reference = form.parse(text)
        assert (reference.text, reference.form) == (text, form.name)
        assert (reference.vault, reference.name) == ("my-vault", "db")
        assert reference.uri.startswith("https://my-vault.")


def test_it_leaves_plain_texts_alone(form):
    for text in ("", "plain", "postgres://host/db", "true", "@", "a@b.c"):
        assert not form.find(text)


@pytest.mark.parametrize("name", sorted(FORMS))
@given(text=BROKEN)
def test_any_text_parses_or_is_invalid_and_is_not_repeated(name, text):
    form = get_form(name)
    if form.find(text):
        assert has_mark(text)
    try:
        reference = form.parse(text)
    except Invalid as error:
        code, place = error.code, int(error.fields["place"])
    else:
        code, place = "InvalidSyntax", 1
        assert reference.name
    assert code == "InvalidSyntax"
    assert 1 <= place <= len(text) + 1


def test_marks_are_lower_case():
    assert all(mark == mark.lower() for mark in MARKS)
