from __future__ import annotations

import json
import queue
import threading

import pytest

from devvault.errors import Invalid
from devvault.server.local.base import Stream
from tests.waiting import LIMIT

VAULT = "my-vault"
URI = f"https://{VAULT}.vault.azure.net/secrets/"


class Reader:
    """Reads a stream in a thread; lines come out one by one."""

    def __init__(self, plane, **seen: str) -> None:
        references = {URI + name: version for name, version in seen.items()}
        body = json.dumps({"folder": "/app", "references": references}).encode()
        found = plane.raw("POST", "/local/watch", body)
        assert isinstance(found, Stream)
        self.stream = found
        self.lines: queue.Queue[dict] = queue.Queue()
        self.thread = threading.Thread(target=found.produce, args=(self,))
        self.thread.start()
        assert self.next() == {"watching": len(seen)}

    def put(self, data: bytes) -> None:
        assert data.endswith(b"\n")
        self.lines.put(json.loads(data))

    offer = put

    def next(self) -> dict:
        return self.lines.get(timeout=LIMIT)

    def end(self) -> None:
        assert self.stream.cancel is not None
        self.stream.cancel()
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()


@pytest.fixture
def read(plane):
    readers: list[Reader] = []

    def start(**seen: str) -> Reader:
        readers.append(Reader(plane, **seen))
        return readers[-1]

    yield start
    for reader in readers:
        reader.end()


def test_what_was_missed_comes_first_then_what_happens(plane, read):
    first = plane.set(VAULT, "db", "one")
    reader = read(db=first, other="gone")
    assert reader.next() == {"state": "unlocked"}
    assert reader.next() == {"changed": {URI + "other": ""}}
    second = plane.set(VAULT, "db", "two")
    assert reader.next() == {"changed": {URI + "db": second}}
    assert reader.lines.empty()


def test_no_value_and_no_other_secret_is_told(plane, read):
    version = plane.set(VAULT, "db", "hunter2hunter2")
    reader = read(db="")
    reader.next()
    told = reader.next()
    assert told == {"changed": {URI + "db": version}}
    plane.set(VAULT, "unwatched", "x")
    assert plane.set(VAULT, "db", "y") == reader.next()["changed"][URI + "db"]


def test_a_vault_that_the_folder_was_not_given_has_no_versions(plane, read):
    version = plane.set(VAULT, "db", "one")
    reader = read(db=version)
    reader.next()
    plane.post("/local/trust/remove", folder="/app", vault=VAULT)
    assert reader.next() == {"changed": {URI + "db": ""}}
    plane.set(VAULT, "db", "two")
    plane.post("/local/trust", folder="/app", vault=VAULT)
    assert set(reader.next()["changed"]) == {URI + "db"}


def test_lock_and_unlock_are_told(plane, read):
    version = plane.set(VAULT, "db", "one")
    reader = read(db=version)
    assert reader.next() == {"state": "unlocked"}
    plane.post("/local/lock")
    assert reader.next() == {"state": "locked"}
    plane.post("/local/unlock")
    assert reader.next() == {"state": "unlocked"}


def test_many_changes_are_few_lines(plane, read):
    reader = read(db="")
    reader.next()
    for number in range(300):
        last = plane.set(VAULT, "db", str(number))
    lines = 0
    while reader.next()["changed"][URI + "db"] != last:
        lines += 1
    assert lines < 100


@pytest.mark.parametrize(
    "body",
    [
        {"references": {}},
        {"folder": "app"},
        {"folder": "/app", "references": ["x"]},
        {"folder": "/app", "references": {"https://evil.example/secrets/x": ""}},
        {"folder": "/app", "references": {URI + "db": 1}},
        {"folder": "/app", "references": {f"{URI}s{n}": "" for n in range(1001)}},
    ],
)
def test_bad_input(plane, body):
    with pytest.raises(Invalid):
        plane.raw("POST", "/local/watch", json.dumps(body).encode())
