"""Where a CONNECT leads: targets read exactly, Key Vaults told from all else, exceptions obeyed."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.server.targets import (
    Target,
    excepts_all,
    goes_past,
    is_key_vault,
    parse_target,
    vault_of,
    without_ours,
)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"example.com:443", Target("example.com", 443)),
        (b"EXAMPLE.com.:443", Target("example.com", 443)),
        (b"my_host:80", Target("my_host", 80)),
        (b"127.0.0.1:1", Target("127.0.0.1", 1)),
        (b"[::1]:65535", Target("::1", 65535)),
    ],
)
def test_a_target(raw, found):
    assert parse_target(raw) == found
    assert parse_target(found.words.encode()) == found


@given(st.binary(max_size=60))
def test_no_other_bytes_are_one(raw):
    found = parse_target(raw)
    if found is None:
        return
    assert 0 < found.port < 65536
    if ":" in found.host:
        ipaddress.ip_address(found.host)
    else:
        assert re.fullmatch(r"[a-z0-9_.-]+", found.host)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("my-vault.vault.azure.net", "my-vault"),
        ("my-vault.vault.localhost", "my-vault"),
        ("vault.azure.net", None),
        ("a.b.vault.azure.net", None),
        ("my-vault.vault.azure.cn", None),
        ("my-vaultvault.azure.net", None),
        ("example.com", None),
    ],
)
def test_the_vault_of_a_host(host, name):
    assert vault_of(host) == name


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("x.vault.azure.net", True),
        ("a.b.vault.azure.net", True),
        ("vault.azure.net", True),
        ("x.vault.azure.cn", True),
        ("x.vault.usgovcloudapi.net", True),
        ("x.managedhsm.azure.net", True),
        ("x.privatelink.vaultcore.azure.net", True),
        ("x.vault.localhost", True),
        ("xvault.azure.net", False),
        ("azure.net", False),
        ("x.vault.azure.net.example.com", False),
        ("localhost", False),
        ("example.com", False),
    ],
)
def test_which_hosts_are_key_vaults(host, is_one):
    assert is_key_vault(host) is is_one


ENTRY = st.one_of(
    st.text("abnetvulz.*-:/,0123456789 ", max_size=24),
    st.sampled_from(
        ["*", ".net", "net", "azure.net", "*.azure.net", ".vault.azure.net", "localhost", "t"]
    ),
)


@given(st.lists(ENTRY, max_size=6).map(",".join), st.booleans())
def test_nothing_that_is_left_excepts_a_vault(exceptions, keep):
    left = without_ours(exceptions, keep_localhost=keep)
    assert left.endswith("::1") or "::1" in left
    hosts = ["x.vault.azure.net"] if keep else ["x.vault.azure.net", "x.vault.localhost"]
    for entry in left.split(","):
        bare = entry.lstrip("*").lstrip(".")
        name = bare.rpartition(":")[0] if re.fullmatch(r".*:\d+", bare) else bare
        for host in hosts:
            assert not name or not host.endswith(name), (entry, host)
    assert not excepts_all(left)


@pytest.mark.parametrize(
    ("exceptions", "target", "past"),
    [
        ("", "example.com:443", False),
        ("", "localhost:443", True),
        ("", "127.0.0.9:443", True),
        ("", "[::1]:443", True),
        ("*", "example.com:443", True),
        ("example.com", "example.com:443", True),
        ("example.com", "www.example.com:443", True),
        (".example.com", "www.example.com:443", True),
        ("*.example.com", "www.example.com:443", True),
        ("example.com", "notexample.com:443", False),
        ("example.com:8443", "example.com:443", False),
        ("example.com:8443", "example.com:8443", True),
        ("10.0.0.0/8", "10.1.2.3:443", True),
        ("10.0.0.0/8", "11.1.2.3:443", False),
        ("10.0.0.0/8", "ten.example:443", False),
        ("fd00::/8", "[fd00::1]:443", True),
        ("a.example b.example", "b.example:443", True),
        ("EXAMPLE.com.", "example.com:443", True),
    ],
)
def test_what_goes_past_a_proxy(exceptions, target, past):
    found = parse_target(target.encode())
    assert found is not None
    assert goes_past(exceptions, found) is past
