"""Kill -9 at any moment: whatever was acknowledged is there, and nothing purged comes back."""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.journeys.peer import Daemon, Peer, Refused

pytestmark = pytest.mark.crash

ROUNDS = int(os.environ.get("DEVVAULT_CRASH_ROUNDS", "200"))
WRITERS = 3
VAULT = "crash-vault"


@dataclass
class Known:
    """What one writer was promised about its own secrets.

    `values` holds what was acknowledged; `unsure` the names whose last request was cut off, with
    every outcome that is allowed; `purged` what must never come back.
    """

    values: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, set[str | None]] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    acknowledged: int = 0


def write_until_cut(home: Path, known: Known, number: int, turn: int, dice: random.Random) -> None:
    try:
        peer = Peer(home)
    except OSError:
        return
    count = 0
    name = ""
    outcomes: set[str | None] = set()
    try:
        while True:
            count += 1
            kind = dice.random()
            if kind < 0.6 or not known.values:
                name = (
                    f"w{number}-{dice.randrange(12)}" if kind < 0.3 else f"w{number}-{turn}-{count}"
                )
                if name in known.purged:
                    continue
                value = f"{turn}.{count}." + "v" * dice.randrange(3000)
                outcomes = {known.values.get(name), value}
                peer.secret("PUT", VAULT, f"/secrets/{name}", {"value": value})
                known.values[name] = value
            elif kind < 0.9:
                name = dice.choice(sorted(known.values))
                outcomes = {known.values[name]}
                got = peer.secret("GET", VAULT, f"/secrets/{name}")
                assert got["value"] == known.values[name]
            else:
                name = dice.choice(sorted(known.values))
                outcomes = {known.values[name], None}
                peer.secret("DELETE", VAULT, f"/secrets/{name}")
                outcomes = {None}
                peer.secret("DELETE", VAULT, f"/deletedsecrets/{name}")
                del known.values[name]
                known.purged.add(name)
            known.acknowledged += 1
            outcomes = set()
    except OSError:
        if outcomes:
            known.values.pop(name, None)
            known.unsure[name] = outcomes
    finally:
        peer.close()


def rekey_until_cut(home: Path) -> None:
    try:
        peer = Peer(home)
    except OSError:
        return
    try:
        while True:
            peer.call("POST", "devvault", "/local/rekey", {})
    except OSError:
        return
    finally:
        peer.close()


def settle(peer: Peer, known: Known) -> None:
    """Learn how the requests that were cut off have ended."""
    for name, allowed in known.unsure.items():
        found = look(peer, name)
        assert found in allowed, f"{name}: neither the old nor the new value"
        if found is None:
            try:
                peer.secret("DELETE", VAULT, f"/deletedsecrets/{name}")
            except Refused as error:
                assert error.status == 404
            known.purged.add(name)
        else:
            known.values[name] = found
    known.unsure.clear()


def check(peer: Peer, known: Known) -> None:
    """Ask for everything that was promised."""
    for name, value in known.values.items():
        assert look(peer, name) == value, f"{name} was acknowledged and is not there"
    for name in known.purged:
        assert look(peer, name) is None, f"{name} came back"


def look(peer: Peer, name: str) -> str | None:
    try:
        got = peer.secret("GET", VAULT, f"/secrets/{name}")
    except Refused as error:
        assert error.status == 404
        return None
    return str(got["value"])


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)
    home = tmp_path / "home"
    first = Daemon(home)
    assert first.told.startswith("ready"), first.told
    peer = Peer(home)
    peer.call(
        "POST",
        "devvault",
        "/local/init",
        {"key_source": "file", "key_file": str(tmp_path / "key"), "vaults": [VAULT]},
    )
    peer.close()
    first.kill()
    known = [Known() for _ in range(WRITERS)]
    for turn in range(ROUNDS):
        daemon = Daemon(home)
        assert daemon.told.startswith("ready"), f"seed {seed}, round {turn}: {daemon.told}"
        peer = Peer(home)
        for one in known:
            settle(peer, one)
            if turn % 10 == 0:
                check(peer, one)
        peer.close()
        workers = [
            threading.Thread(
                target=write_until_cut,
                args=(home, known[number], number, turn, random.Random(dice.random())),
            )
            for number in range(WRITERS)
        ]
        if turn % 4 == 3:
            workers.append(threading.Thread(target=rekey_until_cut, args=(home,)))
        for worker in workers:
            worker.start()
        # The moment of the cut is the point of the test, so this is no wait for anything.
        time.sleep(dice.uniform(0.005, 0.25))
        daemon.kill()
        for worker in workers:
            worker.join()
    last = Daemon(home)
    assert last.told.startswith("ready"), last.told
    peer = Peer(home)
    for one in known:
        settle(peer, one)
        check(peer, one)
    verified = peer.call("POST", "devvault", "/local/audit/verify", {})
    peer.close()
    assert last.stop() == 0
    assert verified["ok"], verified["problems"]
    print(
        f"\ncrash test: seed {seed}, {ROUNDS} rounds,"
        f" {sum(one.acknowledged for one in known)} acknowledged operations,"
        f" {sum(len(one.values) for one in known)} secrets kept,"
        f" {sum(len(one.purged) for one in known)} purged, {verified['checked']} audit records"
    )
