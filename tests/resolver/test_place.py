"""Local or cloud: what a platform sets, by half and in full, and what is never taken for one."""

import os

import pytest

from devvault.errors import WrongUse
from devvault.resolver import place
from devvault.resolver.place import CLOUD, DEVELOPER, LOCAL, find_choice, find_platform, left_out

APP = {"IDENTITY_ENDPOINT": "http://127.0.0.1:4141/msi/token", "IDENTITY_HEADER": "a header"}
POD = {
    "AZURE_FEDERATED_TOKEN_FILE": "/var/run/token",
    "AZURE_TENANT_ID": "a tenant",
    "AZURE_CLIENT_ID": "an app",
}


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        (APP, "App Service, Functions or Container Apps"),
        (POD, "workload identity"),
        ({**APP, **POD}, "App Service, Functions or Container Apps"),
    ],
)
def test_a_platform_is_known_by_what_it_sets(environment, name):
    assert find_platform(environment).name == name


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "neither IDENTITY_ENDPOINT with IDENTITY_HEADER nor AZURE_FEDERATED_TOKEN_FILE"),
        ({"IDENTITY_ENDPOINT": "http://x"}, "IDENTITY_ENDPOINT is set and IDENTITY_HEADER is not"),
        ({"IDENTITY_HEADER": "s3cret"}, "IDENTITY_HEADER is set and IDENTITY_ENDPOINT is not"),
        ({**APP, "IDENTITY_HEADER": ""}, "IDENTITY_ENDPOINT is set and IDENTITY_HEADER is not"),
        ({**APP, "IDENTITY_ENDPOINT": "file:///x"}, "no address of http"),
        ({**APP, "IDENTITY_SERVER_THUMBPRINT": "ab"}, "Service Fabric"),
        ({"AZURE_FEDERATED_TOKEN_FILE": "/t"}, "without AZURE_TENANT_ID and AZURE_CLIENT_ID"),
        ({**POD, "AZURE_CLIENT_ID": ""}, "without AZURE_CLIENT_ID: workload identity needs all"),
        ({"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}, "neither"),
        ({**APP, "DEVVAULT_SESSION": "id:"}, "devvault's own"),
        ({**POD, "DEVVAULT_SESSION": "id:"}, "devvault's own"),
    ],
)
def test_what_is_set_by_half_is_explained_and_never_guessed_at(environment, reason):
    found = find_platform(environment)
    assert found.name == ""
    assert reason in found.reason
    assert "s3cret" not in found.reason


@pytest.mark.parametrize(
    ("word", "choice"),
    [
        ("", ""), ("dev", "dev"), (" PROD ", "prod"), ("cloudvaultsource", CLOUD),
        ("LocalVaultSource", LOCAL), ("DEVELOPERCLOUDSOURCE", DEVELOPER),
    ],
)  # fmt: skip
def test_the_variable_chooses(word, choice):
    assert find_choice({"DEVVAULT_CHAIN": word}) == choice


def test_a_word_that_is_none_is_refused():
    with pytest.raises(WrongUse, match="DEVVAULT_CHAIN must be dev, prod or one of"):
        find_choice({"DEVVAULT_CHAIN": "production"})


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ("", {CLOUD, LOCAL}), ("dev", {LOCAL}), ("prod", {CLOUD}), (CLOUD, {CLOUD}),
        (LOCAL, {LOCAL}), (DEVELOPER, {DEVELOPER}),
    ],
)  # fmt: skip
def test_which_sources_are_asked(choice, asked):
    assert {name for name in place.SOURCES if not left_out(name, choice, None)} == asked


def test_what_the_program_says_overrules_the_variable():
    assert left_out(LOCAL, "prod", False) == ""
    assert left_out(CLOUD, "prod", True) == "excluded by the program"
    assert left_out(DEVELOPER, "dev", False) == ""


def test_only_what_the_process_was_started_with_counts(monkeypatch):
    for name, value in APP.items():
        monkeypatch.setenv(name, value)
    assert "IDENTITY_ENDPOINT" in os.environ
    assert not {"IDENTITY_ENDPOINT", "IDENTITY_HEADER"} & place.started_with().keys()
