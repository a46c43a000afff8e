from __future__ import annotations

from devvault.access.principals import Caller, Origin
from devvault.server.headers import control_headers, data_headers
from devvault.server.reply import Request

REQUEST = Request("GET", "v.vault.azure.net", "/", {}, {}, b"", Caller("o", "a", "t", "n"))


def test_the_address_is_told_as_the_service_tells_it():
    info = "x-ms-keyvault-network-info"
    assert data_headers(REQUEST, "")[info] == (
        "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"
    )
    there = REQUEST._replace(caller=REQUEST.caller.at(Origin(address="::1")))
    assert data_headers(there, "")[info] == ("conn_type=Ipv6;addr=::1;act_addr_fam=InterNetworkV6;")


def test_each_answer_has_an_id_of_its_own():
    first, second = control_headers(REQUEST), control_headers(REQUEST)
    assert first["x-ms-request-id"] != second["x-ms-request-id"]
    assert first["x-ms-correlation-request-id"] == first["x-ms-request-id"]
    assert first["cache-control"] == "no-cache"


def test_the_region_is_the_vaults():
    assert data_headers(REQUEST, "westeurope")["x-ms-keyvault-region"] == "westeurope"
