from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Invalid
from devvault.model.attributes import Attributes, Change
from devvault.model.secret import DeletedSecret, SecretVersion
from devvault.server.versions import LATEST
from devvault.server.wire import secret as wire

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HOST = "v.vault.azure.net"
moments = st.none() | st.integers(-(2**31), 2**33).map(lambda n: datetime.fromtimestamp(n, UTC))
versions = st.builds(
    SecretVersion,
    st.just("v"),
    st.text("abAB-9", min_size=1, max_size=9),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.builds(
        Attributes, st.just(AT), st.just(AT), enabled=st.booleans(), nbf=moments, exp=moments
    ),
    st.just("Recoverable"),
    st.just(90),
    st.none() | st.text(max_size=9),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    st.none() | st.just("the value"),
)


@given(versions, st.booleans())
def test_no_list_and_no_deleted_bundle_holds_a_value(version, versioned):
    assert "the value" not in str(wire.item(HOST, version, LATEST, versioned=versioned))
    gone = DeletedSecret(version, AT, AT + timedelta(days=90))
    assert "value" not in wire.deleted(HOST, gone, LATEST, listed=True)


@given(versions)
def test_nothing_is_shown_as_null(version):
    shown = wire.bundle(HOST, version, LATEST)
    assert None not in [*shown.values(), *shown["attributes"].values()]
    assert ("value" in shown) is (version.value is not None)
    assert shown["id"] == f"https://{HOST}/secrets/{version.name}/{version.version}"


@given(versions)
def test_what_is_shown_can_be_sent_back(version):
    at = version.attributes
    assert wire.read_change(wire.bundle(HOST, version, LATEST)) == Change(
        at.enabled, at.nbf, at.exp
    )


def test_a_list_of_secrets_names_no_version():
    version = SecretVersion("v", "n", "0" * 32, Attributes(AT, AT), "Recoverable", 90)
    assert wire.item(HOST, version, LATEST, versioned=False)["id"] == f"https://{HOST}/secrets/n"
    assert wire.item(HOST, version, LATEST, versioned=True)["id"].endswith("/n/" + "0" * 32)


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": 1}, {"value": ["a"]}])
def test_a_value_is_needed(body):
    with pytest.raises(Invalid, match="'value'"):
        wire.read_value(body)


def test_half_a_surrogate_pair_is_refused_by_the_model_at_the_latest():
    assert wire.read_value({"value": ""}) == ""
