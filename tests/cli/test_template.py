from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.cli.template import filled, holes

URI = "https://my-vault.vault.azure.net/secrets/db"
ARM = (
    '{"reference":{"secretName":"db","keyVault":{"id":"/subscriptions/s/resourceGroups/g/providers/'
    'Microsoft.KeyVault/vaults/my-vault"}}}'
)
REFERENCES = [
    f"@Microsoft.KeyVault(SecretUri={URI})",
    "@microsoft.keyvault(VaultName=my-vault;SecretName=db)",
    "akvs://sub/my-vault/db",
    f'{{"uri":"{URI}"}}',
    f"keyvaultref:{URI},identityref:system",
    "az.getSecret('s', 'g', 'my-vault', 'db')",
    ARM,
    ARM.replace(":{", ": {").replace("}}}", "} } }"),
]
TOKENS = [
    "{{", "}}", " ", "\n", "akvs://", "a/b/c", "@Microsoft.KeyVault(", ")", "{", "}", '"uri"', "x",
]  # fmt: skip


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("blank", ["", " ", "\n  "])
def test_every_form_stands_in_braces(reference, blank):
    text = f"a {{{{{blank}{reference}{blank}}}}} b }}}}"
    found = holes(text)
    assert [hole.text for hole in found] == [reference]
    assert filled(text, found, ["VALUE {{x}}"]) == "a VALUE {{x}} b }}"


@pytest.mark.parametrize("reference", REFERENCES[:3])
@pytest.mark.parametrize("around", ["{}", '"{}"', "x={}", "<{}>", "[{}, 1]", "{}\n"])
def test_two_forms_stand_bare(reference, around):
    text = around.format(reference)
    found = holes(text)
    assert [hole.text for hole in found] == [reference]
    assert filled(text, found, ["V"]) == around.format("V")


def test_lines_are_counted_once_for_all():
    text = "\n\nakvs://a/b/c\n{{ akvs://d/e/f }} akvs://g/h/i\n"
    assert [hole.line for hole in holes(text)] == [3, 4, 4]


def test_what_belongs_to_others_stays():
    for text in ("{{ .Values.db }}", "{{", "}} {{ x", "{% if %}", "${X}", "{{ {{ }} }}"):
        assert holes(text + ' "uri"') == []
    assert [hole.text for hole in holes("{{ a {{ akvs://s/my-vault/db }} }}")] == [
        "akvs://s/my-vault/db"
    ]


def test_what_is_malformed_is_a_hole_too():
    for text, inner in (
        ("@Microsoft.KeyVault(", "@Microsoft.KeyVault("),
        ("{{ akvs://x }}", "akvs://x"),
        ("{{ keyvaultref:no }} }}", "keyvaultref:no"),
        ("akvs://", "akvs://"),
    ):
        assert [hole.text for hole in holes(text)] == [inner]


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_any_text_is_cut_into_pieces_that_make_it_up(text):
    found = holes(text)
    assert filled(text, found, [text[hole.start : hole.end] for hole in found]) == text
    assert [hole.line for hole in found] == [text.count("\n", 0, h.start) + 1 for h in found]


def test_a_long_text_of_braces_takes_no_time():
    assert holes("{{" * 50_000 + ' "uri"' + "}}" * 50_000) == []
    assert len(holes("akvs:// " + "{{ a }" * 50_000)) == 1
