"""CloudVaultSource with Azure's own packages against a cloud that does everything wrong."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from devvault import DefaultVaultChain
from devvault.clock import SetClock
from devvault.errors import Unavailable, Unresolved
from devvault.references.base import parse
from devvault.resolver.base import Failure
from devvault.resolver.cloud import CloudVaultSource
from devvault.secretvalue import SecretValue
from tests.resolver.cloud import Cloud, refusal, secret
from tests.waiting import LIMIT

pytest.importorskip("azure.identity")
pytest.importorskip("azure.keyvault.secrets")

HOST = "a-vault.vault.azure.net"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
GONE = ("DEVVAULT_", "AZURE_", "IDENTITY_", "MSI_")


def text(name: str, version: str = "") -> str:
    return f"@Microsoft.KeyVault(SecretUri=https://{HOST}/secrets/{name}/{version})"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    made = Cloud(tmp_path_factory.mktemp("cloud"), HOST)
    yield made
    made.close()


@pytest.fixture
def cloud(running, clean, monkeypatch):
    """The cloud, and this process set down in it."""
    del clean
    import os

    for name in list(os.environ):
        if name.startswith(GONE) or name.lower() in ("no_proxy", "https_proxy"):
            monkeypatch.delenv(name)
    for name, value in running.platform.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTPS_PROXY", running.address)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.roots))
    before = vars(running).copy()
    running.asked.clear()
    yield running
    vars(running).update(before)


class Time(SetClock):
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.move(timedelta(seconds=seconds))


def source(cloud: Cloud, **more) -> CloudVaultSource:
    return CloudVaultSource(cloud.platform, timeout=more.pop("timeout", LIMIT), **more)


def one(cloud: Cloud, reference: str = "", **more) -> SecretValue | Failure:
    return source(cloud, **more).look_up([parse(reference or text("db"))])[0]


def test_values_in_order_with_their_versions(cloud):
    cloud.vault = lambda name: secret("a-vault", name, f"the value of {name}")
    names = [f"n{number}" for number in range(20)]
    met: dict[str, str] = {}
    found = source(cloud).look_up([parse(text(name)) for name in names], met)
    assert found == [SecretValue(f"the value of {name}") for name in names]
    assert sorted(cloud.asked) == sorted(names)
    assert set(met.values()) == {"a" * 32}


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (refusal(404, "SecretNotFound"), "SecretNotFound", "has no secret db"),
        (refusal(404, "VaultNotFound"), "VaultNotFound", "no vault a-vault"),
        (refusal(403, "Forbidden", "ForbiddenByRbac"), "AccessToKeyVaultDenied", "ForbiddenByRbac"),
        (refusal(403, "Forbidden", "SecretDisabled"), "OtherReasons", "is disabled"),
        (refusal(418, "Teapot"), "OtherReasons", "status 418"),
        ((302, {"Location": "https://elsewhere.example/"}, b""), "OtherReasons", "status 302"),
        ((200, {}, b"<html>not a vault</html>"), "OtherReasons", "cannot be read"),
        ((200, {}, b'{"id": 7}'), "OtherReasons", "cannot be read"),
        ((200, {}, b"[]"), "OtherReasons", "cannot be read"),
        ((200, {}, b"\xff\xfe\x00"), "OtherReasons", "cannot be read"),
        (secret("a-vault", "db", None), "OtherReasons", "cannot be read"),
        (None, "OtherReasons", "cut off"),
    ],
)
def test_each_refusal_and_each_nonsense_has_its_reason(cloud, reply, status, words):
    cloud.vault = lambda name: reply
    found = one(cloud)
    assert isinstance(found, Failure)
    assert found.status == status
    assert words in found.reason


def test_a_connection_that_ended_unnoticed_is_made_anew(cloud):
    replies = [None, secret("a-vault", "db", "value")]
    cloud.vault = lambda name: replies.pop(0)
    assert one(cloud) == SecretValue("value")
    assert cloud.asked == ["db", "db"]


def test_a_version_that_is_not_there(cloud):
    cloud.vault = lambda name: refusal(404, "SecretNotFound")
    found = one(cloud, text("db", "b" * 32))
    assert isinstance(found, Failure)
    assert found.status == "SecretVersionNotFound"


def test_a_busy_vault_is_waited_for_as_it_asks(cloud):
    replies = [refusal(429, "Throttled", Retry_After="7"), secret("a-vault", "db", "value")]
    cloud.vault = lambda name: replies.pop(0)
    time = Time()
    assert one(cloud, clock=time, wait=time.wait) == SecretValue("value")
    assert time.waits == [7]


@pytest.mark.parametrize("told", ["3600", "99999999", "Wed, 25 Nov 2099 12:00:00 GMT"])
def test_a_wait_that_is_too_long_is_told_and_the_vault_left_alone(cloud, told):
    cloud.vault = lambda name: refusal(429, "Throttled", Retry_After=told)
    time = Time()
    asking = source(cloud, clock=time, wait=time.wait)
    for _ in range(3):
        found = asking.look_up([parse(text("db"))])[0]
        assert isinstance(found, Failure)
        assert "is busy and asks to wait for" in found.reason
    assert time.waits == []
    assert cloud.asked == ["db"]
    time.move(timedelta(days=36500))
    cloud.vault = lambda name: secret("a-vault", name, "value")
    assert asking.look_up([parse(text("db"))]) == [SecretValue("value")]


@pytest.mark.parametrize("told", ["", "nonsense", "-5", "0"])
def test_a_vault_that_stays_broken_is_not_asked_for_ever(cloud, told):
    cloud.vault = lambda name: refusal(503, "Broken", **({"Retry_After": told} if told else {}))
    time = Time()
    found = one(cloud, clock=time, wait=time.wait)
    assert isinstance(found, Failure)
    assert found.status == "OtherReasons"
    assert len(cloud.asked) <= 5
    assert sum(time.waits) <= 30


def test_a_vault_that_does_not_answer_in_time(cloud):
    hung = threading.Event()
    asking = source(cloud)
    assert asking.look_up([parse(text("db"))]) == [SecretValue("value")]  # it has its token
    asking._timeout = 0.3
    asking._clients.clear()
    cloud.vault = lambda name: hung.wait(LIMIT) or None
    try:
        found = asking.look_up([parse(text("db"))])[0]
    finally:
        hung.set()
    assert isinstance(found, Failure)
    assert (found.status, "in time" in found.reason) == ("FetchTimedOut", True)


def test_a_way_that_is_closed(cloud, monkeypatch):
    cloud.lets_through = False
    found = one(cloud)
    assert isinstance(found, Failure)
    assert "the proxy does not let it through" in found.reason
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
        found = one(cloud)
    assert isinstance(found, Failure)
    assert "cannot be reached" in found.reason or "proxy" in found.reason


def test_a_certificate_that_is_not_trusted(cloud, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    found = one(cloud)
    assert isinstance(found, Failure)
    assert "a certificate that is not trusted" in found.reason


@pytest.mark.parametrize(
    "reply",
    [
        (400, {}, b'{"statusCode": 400, "message": "no identity"}'),
        (403, {}, b""),
        (500, {}, b"\xff"),
        (200, {}, b"nonsense"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        None,
    ],
)
def test_without_a_token_the_chain_goes_on_and_says_why(cloud, reply):
    cloud.token = lambda: reply
    with pytest.raises(Unavailable) as caught:
        DefaultVaultChain(environment=cloud.platform, timeout=LIMIT).get(text("db"))
    assert caught.value.code == "NoSourceAnswered"
    rows = caught.value.message.split("\n\t")
    assert rows[1].startswith("CloudVaultSource: ")
    assert "a header" not in caught.value.message
    assert rows[2].startswith("LocalVaultSource: there is no vault on this machine yet")


def test_variables_that_changed_after_the_start_are_not_followed(cloud, monkeypatch):
    asking = source(cloud)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token")
    with pytest.raises(Unavailable, match="IDENTITY_ENDPOINT was changed after"):
        asking.look_up([parse(text("db"))])


def test_what_is_kept_outlives_a_cloud_that_fails_for_a_day_and_no_longer(cloud):
    clock = SetClock(NOON)
    chain = DefaultVaultChain(environment=cloud.platform, ttl=60, clock=clock, timeout=LIMIT)
    assert chain.get(text("db")) == "value"
    assert chain.source == "CloudVaultSource"
    clock.move(timedelta(hours=2))
    cloud.vault = lambda name: None
    assert chain.get(text("db")) == "value"
    clock.move(timedelta(hours=23))
    with pytest.raises(Unresolved, match="OtherReasons"):
        chain.get(text("db"))


def test_what_the_cloud_refuses_is_kept_no_longer(cloud):
    clock = SetClock(NOON)
    chain = DefaultVaultChain(environment=cloud.platform, ttl=60, clock=clock)
    assert chain.get(text("db")) == "value"
    clock.move(timedelta(minutes=2))
    cloud.vault = lambda name: refusal(403, "Forbidden", "ForbiddenByPolicy")
    with pytest.raises(Unresolved, match="AccessToKeyVaultDenied"):
        chain.get(text("db"))
    cloud.vault = lambda name: None
    with pytest.raises(Unresolved, match="OtherReasons"):
        chain.get(text("db"))


def test_it_is_fetched_anew_once_a_day(cloud):
    clock = SetClock(NOON)
    chain = DefaultVaultChain(environment=cloud.platform, clock=clock)
    for hours, count in ((0, 1), (23, 1), (2, 2)):
        clock.move(timedelta(hours=hours))
        assert chain.get(text("db")) == "value"
        assert len(cloud.asked) == count
