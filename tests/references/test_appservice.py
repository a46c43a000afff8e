"""Every vector of every form; the grammar of `@Microsoft.KeyVault(...)` at random as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.references.appservice import AppService, format_reference
from devvault.references.base import find, parse

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "references.json").read_text())
GOOD = [v for v in VECTORS if "vault" in v]
BAD = [v for v in VECTORS if "says" in v]
PLAIN = [v["text"] for v in VECTORS if "plain" in v]

VAULTS = st.from_regex(r"[a-z][a-z0-9-]{1,22}[a-z0-9]", fullmatch=True)
NAMES = st.from_regex(r"[0-9a-zA-Z-]{1,127}", fullmatch=True)
VERSIONS = st.one_of(st.none(), st.from_regex(r"[0-9a-f]{32}", fullmatch=True))


def test_there_are_enough_vectors():
    assert len(GOOD) + len(BAD) + len(PLAIN) == len(VECTORS) >= 280
    assert len({v["text"] for v in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", GOOD, ids=lambda v: v["text"][:60])
def test_good(vector):
    reference = parse(vector["text"])
    assert reference.text == vector["text"]
    assert reference.form == vector.get("form", "appservice")
    for part in ("vault", "name", "version", "host"):
        assert getattr(reference, part) == vector[part]
    assert reference.is_served == vector["served"]
    tail = f"/{vector['version']}" if vector["version"] else ""
    assert reference.uri == f"https://{vector['host']}/secrets/{vector['name']}{tail}"


@pytest.mark.parametrize("vector", BAD, ids=lambda v: v["text"][:60])
def test_malformed(vector):
    form = find(vector["text"])
    assert form is not None
    assert form.name == vector.get("form", "appservice")
    with pytest.raises(Invalid) as caught:
        parse(vector["text"])
    error = caught.value
    assert error.code == "InvalidSyntax"
    assert vector["says"] in error.message
    assert error.fields["place"] == str(vector["place"])
    assert f"character {vector['place']}:" in error.message
    assert error.hint


@pytest.mark.parametrize("text", PLAIN)
def test_no_reference_at_all(text):
    assert find(text) is None
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.code == "InvalidSyntax"
    with pytest.raises(Invalid):
        AppService().parse(text)


def test_a_message_never_repeats_the_text():
    for secret in (
        "hunter2",
        "hunter2=",
        "SecretUri=https://u:hunter2@x.vault.azure.net/secrets/a",
    ):
        with pytest.raises(Invalid) as caught:
            parse(f"@Microsoft.KeyVault({secret})")
        assert "hunter2" not in caught.value.message


@given(VAULTS, NAMES, VERSIONS)
def test_what_is_formatted_parses_to_the_same(vault, name, version):
    text = format_reference(vault, name, version)
    reference = parse(text)
    assert (reference.vault, reference.name, reference.version) == (vault, name, version)
    assert format_reference(reference.vault, reference.name, reference.version) == text
    by_uri = parse(f"@Microsoft.KeyVault(SecretUri={reference.uri})")
    assert (by_uri.vault, by_uri.name, by_uri.version, by_uri.host) == (
        vault,
        name,
        version,
        reference.host,
    )
