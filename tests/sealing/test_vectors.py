"""The format, pinned by bytes that other code made from its description."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devvault.audit.anchor import Anchor
from devvault.audit.chain import START, is_link, open_link
from devvault.model.auditrow import AuditRow
from devvault.sealing.blob import open_blob, seal_blob
from devvault.sealing.bundle import open_bundle, seal_bundle
from devvault.sealing.envelope import Sealed, canon
from devvault.sealing.master import Archived, Master
from devvault.sealing.passphrase import Passphrase
from devvault.sealing.recovery import (
    check_slot,
    new_recovery_key,
    open_with,
    public_of,
    wrap_new,
)
from devvault.sealing.stretch import Cost

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "sealing.json").read_bytes())
HOME: str = VECTORS["home"]
GENERATION: int = VECTORS["generation"]
KEY = bytes.fromhex(VECTORS["master"])
MASTER = Master(HOME, GENERATION, KEY)
PASSPHRASE = b"correct horse"


def feed(text: str) -> Callable[[int], bytes]:
    """Give out recorded randomness in order; whoever asks for more or less fails."""
    left = bytearray.fromhex(text)

    def random(size: int) -> bytes:
        found = bytes(left[:size])
        assert len(found) == size
        del left[:size]
        return found

    return random


def test_the_file_is_what_the_independent_code_makes() -> None:
    made = runpy.run_path(str(FOLDER / "make_sealing.py"))["make"]()
    assert json.loads(json.dumps(made)) == VECTORS


def test_the_independent_code_is_independent() -> None:
    text = (FOLDER / "make_sealing.py").read_text()
    imported = {
        line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))
    }
    assert imported == {"__future__", "base64", "hashlib", "hmac", "json", "struct"}


def test_every_label_is_in_the_description() -> None:
    root = Path(__file__).parents[2] / "devvault"
    text = (root / "help" / "format.md").read_text()
    labels = set()
    for path in [*(root / "sealing").glob("*.py"), *(root / "audit").glob("*.py")]:
        labels |= set(re.findall(r'"(devvault [a-z ]*1)\b', path.read_text()))
    assert len(labels) >= 12
    assert not [label for label in labels if label not in text]
    assert max(len(line) for line in text.splitlines()) <= 100


def test_canon() -> None:
    for case in VECTORS["canon"]:
        assert canon(*case["parts"]).hex() == case["bytes"]


def test_derived_keys() -> None:
    keys = {name: bytes.fromhex(text) for name, text in VECTORS["keys"].items()}
    kept = MASTER.archived()
    assert (kept.audit_mac, kept.audit_seal, kept.backup, MASTER.fingerprint_key) == (
        keys["audit-mac"],
        keys["audit-seal"],
        keys["backup"],
        keys["fingerprint"],
    )
    sealed = MASTER.seal("k", "s", "n", "v", b"x")
    aad = canon("devvault wrap 1", HOME, "k", "s", "n", "v", GENERATION)
    assert len(AESGCM(keys["wrap"]).decrypt(sealed.wrapped[:12], sealed.wrapped[12:], aad)) == 32
    case = VECTORS["mac"]
    assert MASTER.mac(case["purpose"], bytes.fromhex(case["data"])).hex() == case["mac"]


def test_archived_keys() -> None:
    data = bytes.fromhex(VECTORS["archived"])
    assert Archived.from_bytes(data) == MASTER.archived()
    assert MASTER.archived().to_bytes() == data


@pytest.mark.parametrize("case", VECTORS["records"], ids=lambda case: case["identity"][1])
def test_records(case: dict[str, Any]) -> None:
    home, *place = case["identity"]
    assert home == HOME
    plaintext = bytes.fromhex(case["plaintext"])
    sealed = Sealed(GENERATION, bytes.fromhex(case["wrapped"]), bytes.fromhex(case["sealed"]))
    assert MASTER.open(*place, sealed) == plaintext
    assert MASTER.seal(*place, plaintext, random=feed(case["random"])) == sealed


@pytest.mark.parametrize("case", VECTORS["passphrase"], ids=lambda case: case["passphrase"][:8])
def test_passphrase_slots(case: dict[str, Any], tmp_path: Path) -> None:
    passphrase = bytes.fromhex(case["passphrase"])
    slot = case["slot"].encode()
    assert Passphrase(tmp_path, passphrase).reveal(HOME, GENERATION, slot) == KEY
    cost = Cost(case["memory"], case["passes"], case["lanes"])
    source = Passphrase(tmp_path, passphrase, cost=cost, random=feed(case["random"]))
    assert source.protect(HOME, GENERATION, KEY) == slot


def test_recovery() -> None:
    case = VECTORS["recovery"]
    assert new_recovery_key(feed(case["key_random"])) == (
        case["key"],
        bytes.fromhex(case["public"]),
    )
    slot = case["slot"].encode()
    assert public_of(case["key"]) == check_slot(slot, MASTER) == bytes.fromhex(case["public"])
    assert open_with(case["key"], slot, HOME, GENERATION) == KEY
    made = wrap_new(bytes.fromhex(case["public"]), MASTER, KEY, random=feed(case["slot_random"]))
    assert made == slot


@pytest.mark.parametrize(
    "case", VECTORS["bundles"], ids=lambda case: f"{case['by']}-{case['size']}"
)
def test_bundles(case: dict[str, Any]) -> None:
    data = bytes(at * at % 251 for at in range(case["size"]))
    random = feed(case["random"])
    if case["by"] == "passphrase":
        cost = Cost(32, 1, 1)
        stream = seal_bundle([data], passphrase=PASSPHRASE, cost=cost, random=random)
        opens = {"passphrase": PASSPHRASE}
    else:
        public = bytes.fromhex(VECTORS["recovery"]["public"])
        stream = seal_bundle([data], public=public, random=random)
        opens = {"recovery": VECTORS["recovery"]["key"]}
    file = b"".join(stream)
    assert hashlib.sha256(file).hexdigest() == case["sha256"]
    if "file" in case:
        assert file.hex() == case["file"]
    assert b"".join(open_bundle([file], **opens)) == data


def test_object_backup() -> None:
    case = VECTORS["blob"]
    blob = bytes.fromhex(case["blob"])
    plaintext = bytes.fromhex(case["plaintext"])
    key = MASTER.backup_key(GENERATION)
    assert open_blob(case["mark"], {case["kid"]: key}.__getitem__, blob) == plaintext
    random = feed(case["random"])
    assert seal_blob(case["mark"], key, case["kid"], plaintext, random=random) == blob


def test_the_audit_chain() -> None:
    case = VECTORS["chain"]
    later = Master(
        HOME,
        case["later_generation"],
        bytes.fromhex(case["later_master"]),
        {GENERATION: MASTER.archived()},
    )
    before = START
    for row in case["rows"]:
        link = AuditRow(
            row["seq"],
            row["at"],
            row["epoch"],
            bytes.fromhex(row["sealed"]),
            bytes.fromhex(row["mac"]),
        )
        plaintext = bytes.fromhex(row["plaintext"])
        assert is_link(HOME, later.audit_keys, before, link)
        assert open_link(HOME, later.audit_keys, link) == plaintext
        place = canon("devvault audit 1", HOME, row["seq"], row["at"], row["epoch"])
        keys = later.audit_keys(row["epoch"])
        assert keys.seal_record(place, plaintext, random=feed(row["random"])) == link.sealed
        before = link.mac
    anchor = Anchor.from_bytes(case["anchor"].encode(), later.audit_keys)
    assert (anchor.epoch, anchor.count, anchor.mac) == (8, 3, before)
    assert anchor.to_bytes(later.audit_keys).decode() == case["anchor"]
