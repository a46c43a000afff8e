"""The home's authorities: made when needed, kept sealed, followed by the next in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from devvault.access.principals import Caller
from devvault.clock import SetClock
from devvault.errors import Stale
from devvault.vault.authorities import AZ, DOMAINS, RUN, issue_leaf, trusted_roots
from devvault.vault.gate import Gate
from devvault.vault.homebackup import backup_home, restore_home
from devvault.vault.keeper import Keeper
from devvault.vault.opened import SourceChoice
from devvault.vault.rekeying import rekey
from devvault.vault.upkeep import read_audit

HOST = "my-vault.vault.azure.net"
DAY = timedelta(days=1)


def leaf(gate: Gate, kind: str = RUN, host: str = HOST) -> x509.Certificate:
    pem = issue_leaf(gate, kind, host).pem
    return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])


def signed_by(gate: Gate, found: x509.Certificate) -> int:
    """Return which of the trusted roots signed a leaf."""
    for number, root in enumerate(trusted_roots(gate, RUN)):
        try:
            found.verify_directly_issued_by(
                x509.load_pem_x509_certificate(root.certificate.encode())
            )
        except (ValueError, Exception) as error:  # noqa: BLE001  # a signature of another root
            assert type(error).__name__ in ("ValueError", "InvalidSignature")
            continue
        return number
    raise AssertionError("no trusted root signed it")


def test_each_is_made_once_and_is_its_own(gate: Gate) -> None:
    run, az = trusted_roots(gate, RUN), trusted_roots(gate, AZ)
    assert len(run) == len(az) == 1
    assert run != az
    assert trusted_roots(gate, RUN) == run
    for root, kind in ((run[0], RUN), (az[0], AZ)):
        found = x509.load_pem_x509_certificate(root.certificate.encode())
        names = found.extensions.get_extension_for_class(x509.NameConstraints).value
        domains = [n.value for n in names.permitted_subtrees or () if isinstance(n, x509.DNSName)]
        assert tuple(domains) == DOMAINS[kind]


def test_it_is_followed_long_before_its_end_and_both_are_trusted(
    gate: Gate, clock: SetClock
) -> None:
    (first,) = trusted_roots(gate, RUN)
    clock.set(first.ends - 91 * DAY)
    assert trusted_roots(gate, RUN) == (first,)
    clock.set(first.ends - 89 * DAY)
    assert trusted_roots(gate, RUN)[0] == first
    assert len(trusted_roots(gate, RUN)) == 2
    # Programs that run know the first one alone, so that one signs while it can.
    assert signed_by(gate, leaf(gate)) == 0
    clock.set(first.ends - 32 * DAY)
    assert signed_by(gate, leaf(gate)) == 0
    clock.set(first.ends - 30 * DAY)
    assert signed_by(gate, leaf(gate)) == 1
    assert len(trusted_roots(gate, RUN)) == 2
    clock.set(first.ends + DAY)
    assert first not in trusted_roots(gate, RUN)
    assert signed_by(gate, leaf(gate)) == 0


def test_a_clock_that_was_set_back_makes_one_that_is_good_now(gate: Gate, clock: SetClock) -> None:
    trusted_roots(gate, RUN)
    clock.move(-400 * DAY)
    (root,) = trusted_roots(gate, RUN)
    assert root.begins <= clock.now() < root.ends


def test_it_survives_a_rekey_and_a_lock(keeper: Keeper, alice: Caller) -> None:
    before = trusted_roots(keeper.gate, RUN)
    rekey(keeper, alice, lambda _done, _total: None)
    assert trusted_roots(keeper.gate, RUN) == before
    assert signed_by(keeper.gate, leaf(keeper.gate)) == 0
    keeper.lock()
    gate = keeper.unlock()
    assert trusted_roots(gate, RUN) == before
    assert signed_by(gate, leaf(gate)) == 0


def test_it_is_in_a_backup(
    keeper: Keeper, make_keeper: Callable[..., Keeper], alice: Caller, tmp_path: Path
) -> None:
    before = trusted_roots(keeper.gate, RUN)
    file = b"".join(backup_home(keeper, alice, b"a passphrase"))
    keeper.close()
    other = make_keeper(tmp_path / "other")
    choice = SourceChoice("file", str(tmp_path / "other-key"))
    restore_home(other, [file], choice, passphrase=b"a passphrase")
    assert trusted_roots(other.gate, RUN) == before


def test_its_key_is_in_no_file(keeper: Keeper) -> None:
    trusted_roots(keeper.gate, RUN)
    leaf(keeper.gate)
    keeper.close()
    for path in keeper.home.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"BEGIN PRIVATE" not in data
            assert b'"key"' not in data


def test_what_it_does_is_in_the_trail(gate: Gate, alice: Caller) -> None:
    leaf(gate)
    found = [record for _, record in read_audit(gate, alice)]
    made = {record.operation: record for record in found}
    assert made["AuthorityCreate"].extra == {"authority": RUN}
    assert made["ServerCertificateIssue"].extra == {"host": HOST}


def test_a_read_only_home_keeps_what_it_has_and_makes_none(gate: Gate, clock: SetClock) -> None:
    (first,) = trusted_roots(gate, RUN)
    gate.stale = "it is older than its anchor"
    clock.set(first.ends - 10 * DAY)
    assert trusted_roots(gate, RUN) == (first,)
    assert signed_by(gate, leaf(gate)) == 0
    with pytest.raises(Stale):
        trusted_roots(gate, AZ)
