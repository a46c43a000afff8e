from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.cli.keyvault.amendment import add_amendments, amended
from devvault.errors import WrongUse

VAULT = {
    "name": "v",
    "tags": {"a": "b"},
    "properties": {
        "networkAcls": None,
        "enabledFor": None,
        "accessPolicies": [
            {"objectId": "one", "permissions": {"keys": []}},
            {"objectId": "two", "permissions": {"keys": []}},
        ],
        "enablePurgeProtection": None,
    },
}


def changed(*words):
    parser = argparse.ArgumentParser()
    add_amendments(parser)
    return amended(parser.parse_args(list(words)), VAULT)


def test_changes_come_in_the_order_they_are_typed_in():
    found = changed("--set", "tags.a=1", "--remove", "tags.a", "--set", "tags.a=2", "tags.b=3")
    assert found["tags"] == {"a": 2, "b": 3}
    assert VAULT["tags"] == {"a": "b"}  # what was fetched stays what it was


@pytest.mark.parametrize(
    ("words", "path", "expected"),
    [
        (["tags.a=true"], ["tags", "a"], True),
        (["tags.a=True"], ["tags", "a"], True),
        (["tags.a=[1, 2]"], ["tags", "a"], [1, 2]),
        (["tags.a=x=y"], ["tags", "a"], "x=y"),
        (["tags.a="], ["tags", "a"], ""),
        (["tags.a=007-b"], ["tags", "a"], "007-b"),
        (
            ["properties.enable_purge_protection=true"],
            ["properties", "enablePurgeProtection"],
            True,
        ),
        (["properties.ENABLEPURGEPROTECTION=1"], ["properties", "enablePurgeProtection"], 1),
        (
            ["properties.accessPolicies[objectId=two].permissions.keys[0]=x"],
            ["properties", "accessPolicies"],
            None,
        ),
        (["properties.networkAcls.bypass=None"], ["properties", "networkAcls"], {"bypass": None}),
    ],
)
def test_set(words, path, expected):
    if expected is None:
        with pytest.raises(WrongUse, match="index 0 does not exist"):
            changed("--set", *words)
        return
    found = changed("--set", *words)
    for step in path:
        found = found[step]
    assert found == expected


def test_force_string_keeps_what_was_typed():
    assert changed("--set", "tags.a=true", "--force-string")["tags"]["a"] == "true"
    assert changed("--add", "properties.accessPolicies", "1", "--force-string")["properties"][
        "accessPolicies"
    ][-1] == ("1")


def test_add_takes_pairs_and_json():
    found = changed(
        "--add", "properties.accessPolicies", "objectId=three", "x=y", '{"objectId": "four"}'
    )
    assert found["properties"]["accessPolicies"][2:] == [
        {"objectId": "three", "x": "y"},
        {"objectId": "four"},
    ]
    found = changed("--add", "properties.networkAcls.ipRules", "value=1.2.3.4")
    assert found["properties"]["networkAcls"] == {"ipRules": [{"value": "1.2.3.4"}]}


def test_remove():
    assert changed("--remove", "tags.a")["tags"] == {}
    assert changed("--remove", "tags")["tags"] is None
    left = changed("--remove", "properties.accessPolicies", "0")["properties"]["accessPolicies"]
    assert [one["objectId"] for one in left] == ["two"]
    left = changed("--remove", "properties.accessPolicies[objectId=two]")["properties"]
    assert [one["objectId"] for one in left["accessPolicies"]] == ["one"]


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "x"],
        ["--set", "=x"],
        ["--set", "..=x"],
        ["--set", "a..b=x"],
        ["--set", "[=x"],
        ["--set", "nothing.below=x"],
        ["--set", "properties.nothing=x"],
        ["--set", "name.below=x"],
        ["--set", "properties[0]=x"],
        ["--set", "properties.accessPolicies.objectId=x"],
        ["--set", "properties.accessPolicies[objectId=nobody].x=1"],
        ["--add", "tags"],
        ["--add", "name", "x"],
        ["--remove", "tags.nothing"],
        ["--remove", "properties.accessPolicies", "2"],
        ["--remove", "properties.accessPolicies", "x"],
        ["--remove", "tags", "0", "1"],
    ],
)
def test_wrong_use(words):
    with pytest.raises(WrongUse):
        changed(*words)


@given(st.sampled_from(["--set", "--add", "--remove"]), st.text(max_size=12), st.text(max_size=6))
def test_any_words_change_it_or_are_wrong_use(flag, path, value):
    words = [f"{path}={value}"] if flag == "--set" else [path, value]
    if any(word.startswith("-") for word in words):
        return
    try:
        changed(flag, *words)
    except WrongUse:
        return
