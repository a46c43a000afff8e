from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest

from tests.daemon.running import Daemon, UnixConnection, reference
from tests.waiting import LIMIT, wait_for


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    made = Daemon(tmp_path_factory.mktemp("app") / "home").up()
    made.init(name="my-vault", folder="/app")
    yield made
    made.kill()


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "evil.example", "devvault.evil", "vault.azure.net", "a.b.vault.azure.net"],
)
def test_a_host_that_is_not_ours_is_refused(served, host):
    found = served.ask("GET", "/local/status", host=host)
    assert found.status == 421
    assert found.json["error"]["code"] == "MisdirectedRequest"


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site"])
def test_a_web_page_is_refused(served, name):
    found = served.ask("GET", "/local/status", headers={name: "null"})
    assert found.status == 403
    assert "web page" in found.json["error"]["message"]


def test_two_hosts_are_refused(served):
    connection = UnixConnection(served.home.socket)
    connection.putrequest("GET", "/local/status", skip_host=True)
    connection.putheader("Host", "devvault")
    connection.putheader("Host", "evil")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_paths_and_methods(served):
    assert served.ask("GET", "/local/nothing").status == 404
    assert served.ask("DELETE", "/local/status").status == 405
    assert served.ask("GET", "/local/status?a=%ff").status == 400


def test_a_body_over_its_limit_is_refused_and_the_next_request_served(served):
    # A client that is still sending when the refusal comes may find the line closed instead.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        found = served.ask("POST", "/local/trust", b"x" * 70_000)
        assert found.status == 413
        assert found.headers["connection"] == "close"
    assert served.ask("GET", "/local/status").status == 200


def test_a_chunked_body_over_its_limit_is_refused(served):
    connection = UnixConnection(served.home.socket)
    pieces = iter([b"x" * 10_000] * 20)
    try:
        connection.request(
            "POST", "/local/trust", pieces, {"Host": "devvault"}, encode_chunked=True
        )
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        connection.close()
    assert served.ask("GET", "/local/status").status == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff"])
def test_a_body_that_is_no_object_is_refused(served, body):
    found = served.ask("POST", "/local/trust", body)
    assert found.status == 400
    assert found.json["error"]["code"] == "BadParameter"


def test_keep_alive_serves_many_requests(served):
    connection = UnixConnection(served.home.socket)
    for _ in range(5):
        connection.request("GET", "/local/status", headers={"Host": "devvault"})
        assert connection.getresponse().read()
    connection.close()


def test_rekey_streams_lines(served):
    found = served.ask("POST", "/local/rekey")
    assert found.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in found.body.splitlines()]
    assert set(lines[-1]) == {"result"}
    assert served.ask("POST", "/local/audit/verify").json["ok"]


def test_backup_streams_and_restore_takes_a_stream(served, tmp_path: Path):
    found = served.ask("POST", "/local/backup", {"passphrase": "correct horse"})
    assert found.headers["content-type"] == "application/octet-stream"
    assert len(found.body) > 500
    other = Daemon(tmp_path / "other").up()
    try:
        head = json.dumps({"key_source": "file", "bundle_passphrase": "correct horse"}).encode()
        data = head + b"\n" + found.body
        pieces = iter([data[at : at + 999] for at in range(0, len(data), 999)])
        connection = UnixConnection(other.home.socket)
        connection.request(
            "POST", "/local/restore", pieces, {"Host": "devvault"}, encode_chunked=True
        )
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert json.loads(answer.read())["vaults"] == ["my-vault"]
        connection.close()
    finally:
        other.kill()


def test_a_reader_who_leaves_a_stream_harms_nobody(served):
    connection = UnixConnection(served.home.socket)
    body = json.dumps({"passphrase": "correct horse"}).encode()
    connection.request("POST", "/local/backup", body, {"Host": "devvault"})
    connection.getresponse()
    connection.close()
    assert served.ask("GET", "/local/status").status == 200
    assert "error:" not in served.log


def test_a_sender_who_leaves_harms_nobody(served):
    connection = UnixConnection(served.home.socket)
    connection.putrequest("POST", "/local/trust", skip_host=True)
    connection.putheader("Host", "devvault")
    connection.putheader("Content-Length", "100")
    connection.endheaders()
    connection.send(b"{")
    connection.close()
    assert served.ask("GET", "/local/status").status == 200


def test_locked_is_told_by_every_plane(served):
    assert served.ask("POST", "/local/lock").json["state"] == "locked"
    try:
        for host, path in (("devvault", "/local/trust"), ("devvault", "/local/audit")):
            found = served.ask("GET", path, host=host)
            assert found.status == 423
            assert found.json["error"] == {
                "code": "VaultLocked",
                "message": "the vault is locked",
                "hint": "devvault unlock",
            }
        text = reference("my-vault", "x")
        asked = {"folder": "/app", "references": {"K": text}}
        assert served.ask("POST", "/local/resolve", asked).status == 423
        assert served.ask("POST", "/local/rekey").status == 423
    finally:
        assert served.ask("POST", "/local/unlock").json["state"] == "unlocked"


def test_reads_go_on_while_the_home_is_rekeyed(served):
    for number in range(300):
        served.ask("POST", "/local/trust", {"folder": f"/many/{number}", "vault": "my-vault"})
    done = threading.Event()

    def rekey() -> None:
        served.ask("POST", "/local/rekey")
        done.set()

    thread = threading.Thread(target=rekey)
    thread.start()
    statuses = set()
    while not done.is_set():
        statuses.add(served.ask("GET", "/local/trust").status)
    thread.join(LIMIT)
    assert statuses <= {200}
    wait_for(lambda: served.ask("GET", "/local/status").json["generation"] >= 2)


def test_a_value_that_is_too_long_is_refused_in_the_services_words(served):
    headers = {"Content-Type": "application/json"}
    for size, words in ((26_000, "the maximum is 25600"), (400_000, "the maximum is 25600")):
        found = served.ask(
            "PUT",
            "/secrets/big?api-version=7.4",
            {"value": "\x01" * size if size < 30_000 else "x" * size},
            host="my-vault.vault.azure.net",
            headers=headers,
        )
        assert found.status == 400
        assert words in found.json["error"]["message"]
