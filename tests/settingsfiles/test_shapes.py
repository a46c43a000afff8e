"""Files of the Azure ecosystem: told by their content, read into texts that forms parse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.references.base import parse
from devvault.settingsfiles.secretprovider import SecretProvider
from devvault.settingsfiles.shapes import SHAPES, find_shape, get_shape

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/my-vault"
KIND = "application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8"
URI = "https://my-vault.vault.azure.net/secrets/db"

# A file of each shape with the plain A = "one" (where it has plain values) and a reference B.
SAMPLES = {
    "appconfig": (
        "kv.json",
        json.dumps(
            {
                "items": [
                    {"key": "A", "value": "one", "label": "x", "content_type": None},
                    {"key": "B", "value": json.dumps({"uri": URI}), "content_type": KIND},
                    {"key": "N", "value": None, "content_type": ""},
                ]
            }
        ),
    ),
    "arm": (
        "main.parameters.json",
        json.dumps(
            {
                "$schema": SCHEMA,
                "contentVersion": "1.0.0.0",
                "parameters": {
                    "A": {"value": "one"},
                    "N": {"value": 1},
                    "L": {"value": ["no"]},
                    "B": {"reference": {"keyVault": {"id": ID}, "secretName": "db"}},
                },
            }
        ),
    ),
    "bicepparam": (
        "main.bicepparam",
        (
            "using 'a.bicep' // param A = 'no'\n/* param A = 'no'\n*/\nparam A = 'one'\n"
            "param N = 1\n"
            "param L = ['no']\nparam I = 'x${A}'\n  param B = az.getSecret('s',"
            "\n  'g', 'my-vault', 'db')"
        ),
    ),
    "compose": (
        "compose.yaml",
        (
            f"x-e: &e\n  A: one\nservices:\n  web:\n    environment:\n      <<: *e\n"
            f"      B: '@Microsoft.KeyVault(SecretUri={URI})'\n      N:\n  db: {{image: x}}\n"
        ),
    ),
    "containerapp": (
        "app.yaml",
        (
            f"configuration:\n  secrets:\n  - {{name: s, keyVaultUrl: '{URI}', identity: system}}\n"
            "template:\n  containers:\n  - name: web\n    env:\n    - {name: A, value: one}\n"
            "    - {name: B, secretRef: s}\n"
        ),
    ),
    "pipeline": (
        "azure-pipelines.yml",
        (
            "variables:\n- {name: kv, value: my-vault}\nstages:\n- stage: x\n  jobs:\n  - job: y\n"
            "    steps:\n    - task: AzureKeyVault@2\n      inputs:\n        KeyVaultName: $(kv)\n"
            "        SecretsFilter: 'other, DB'\n    - script: z\n      env:\n        B: $(db)\n"
            "        N: $(kv)\n        M: plain\n        O: $(unknown)\n"
        ),
    ),
    "secretprovider": (
        "spc.yaml",
        (
            "apiVersion: v1\nkind: Service\n---\nkind: SecretProviderClass\nmetadata: {name: app}\n"
            "spec:\n  provider: azure\n  parameters:\n    keyvaultName: my-vault\n    objects: |\n"
            "      array:\n      - |\n        objectName: db\n        objectType: secret\n"
            "        objectAlias: B\n        objectVersion: ''\n"
        ),
    ),
    "variablegroup": (
        "group.json",
        json.dumps(
            {
                "type": "AzureKeyVault",
                "providerData": {"vault": "my-vault"},
                "variables": {"db": {"isSecret": True, "value": None}},
            }
        ),
    ),
}
HAS_NO_PLAIN = {"pipeline", "secretprovider", "variablegroup"}


def read(shape, text, part=""):
    return get_shape(shape).read(text.encode(), part)


def test_every_shape_has_a_sample():
    assert set(SAMPLES) == set(SHAPES)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_it_is_told_by_its_content_and_read(shape):
    name, text = SAMPLES[shape]
    assert find_shape(name, text.encode()) == shape
    found = {one.key: one for one in read(shape, text) if one.value is not None}
    plain = {} if shape in HAS_NO_PLAIN else {"A": "one"}
    reference = found.pop("db" if shape == "variablegroup" else "B")
    assert {key: one.value for key, one in found.items()} == plain
    parsed = parse(reference.value)
    assert (parsed.vault, parsed.name.lower()) == ("my-vault", "db")
    assert reference.is_fixed
    assert 1 <= reference.line <= text.count("\n") + 1


@pytest.mark.parametrize("shape", sorted(SHAPES))
@given(data=st.data())
def test_a_broken_file_is_read_or_invalid(shape, data):
    _, text = SAMPLES[shape]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    put = data.draw(st.one_of(st.text(max_size=5), st.sampled_from(["", "[", "}", ": ", "null"])))
    try:
        settings = read(
            shape, text[:start] + put + text[end:], data.draw(st.sampled_from(["", "web"]))
        )
    except Invalid as error:
        assert "my-vault" not in error.message
    else:
        assert all(one.error or one.key for one in settings)


def test_other_files_have_no_shape():
    for name, text in (
        ("appsettings.json", '{"A": "b"}'),
        ("compose.json", "services:"),
        ("x.yaml", "a: 1"),
        (".env", "services: x"),
        ("deploy.yaml", "kind: Deployment\nspec:\n  template:\n    spec:\n      containers: []"),
    ):
        assert find_shape(name, text.encode()) is None


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"compose", "containerapp"}))
def test_a_part_that_is_not_there(shape):
    if shape != "appconfig":
        with pytest.raises(Invalid):
            read(shape, SAMPLES[shape][1], "nope")
    else:
        assert [one.key for one in read(shape, SAMPLES[shape][1], "x")] == ["A"]


def test_services_that_agree_are_one():
    text = "services:\n  a: {environment: {X: '1'}}\n  b: {environment: ['X=1', 'Y=2']}\n"
    assert {one.key: one.value for one in read("compose", text)} == {"X": "1", "Y": "2"}
    text += "  c: {environment: {X: '3'}}\n"
    with pytest.raises(Invalid, match="its services are a, b, c"):
        read("compose", text)
    assert [one.value for one in read("compose", text, "c")] == ["3"]


def test_a_secret_of_a_container_app_may_hold_a_value():
    text = (
        "properties:\n  configuration:\n    secrets: [{name: s, value: v4lue}]\n  template:\n"
        "    containers: [{name: a, env: [{name: A, secretRef: s}, {name: B, secretRef: gone}]}]\n"
    )
    assert [one.value for one in read("containerapp", text)] == ["v4lue", "secretref:gone"]


def test_the_files_and_the_keys_of_a_class():
    text = SAMPLES["secretprovider"][1].replace(
        "  parameters:",
        "  secretObjects:\n  - data:\n    - {key: APP, objectName: B}\n  parameters:",
    )
    assert [one.key for one in read("secretprovider", text)] == ["APP"]
    assert [one.key for one in SecretProvider().files(text.encode(), "")] == ["B"]
    with pytest.raises(Invalid, match="secretObjects"):
        read("secretprovider", text.replace("objectName: B", "objectName: C"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("provider: azure", "provider: aws"),
        ("objects: |", "other: |"),
        ("array:", "list: ]"),
        ("- |\n        objectName: db", "- text"),
    ],
)
def test_a_class_that_is_none(old, new):
    with pytest.raises(Invalid):
        read("secretprovider", SAMPLES["secretprovider"][1].replace(old, new))


def test_a_wildcard_fetches_every_name():
    text = SAMPLES["pipeline"][1].replace("'other, DB'", "'*'")
    assert [one.key for one in read("pipeline", text)] == ["B", "O"]


def test_merges_are_overruled_by_what_stands_there():
    text = (
        "x: &x {A: low, B: x}\ny: &y {A: mid, C: y}\nservices:\n  a:\n    environment:\n"
        "      A: high\n      <<: [*y, *x]\n"
    )
    assert {one.key: one.value for one in read("compose", text)} == {
        "A": "high",
        "B": "x",
        "C": "y",
    }


def test_merges_of_merges_take_no_time():
    lines = ["a0: &a0 {A: one}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60)]
    text = "\n".join([*lines, "services: {web: {environment: {<<: [*a59, *a59]}}}", ""])
    assert {one.key: one.value for one in read("compose", text)} == {"A": "one"}
    held = "services:\n  web:\n    environment: &e\n      A: one\n      <<: *e\n"
    with pytest.raises(Invalid, match="holds itself"):
        read("compose", held)


def test_comments_and_texts_that_do_not_end_take_no_time():
    for piece in ("/*", "'''", "//", "param a = x.getSecret("):
        text = "param A = 'one'\n" + piece * 100_000
        assert [one.key for one in read("bicepparam", text)][:1] == ["A"]
