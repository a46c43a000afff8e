"""Files of roots: all that was trusted, and ours; another file for every change."""

from __future__ import annotations

import os
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from devvault.errors import Unavailable
from devvault.server.bundles import Bundles
from devvault.vault.authorities import AZ, RUN, trusted_roots
from tests.server.planes import Azure


@pytest.fixture
def bundles(azure: Azure) -> Bundles:
    return Bundles(azure.keeper.home.run, azure.clock)


def test_what_the_machine_trusts_and_ours_last(azure: Azure, bundles: Bundles) -> None:
    roots = bundles.roots(azure.gate, [RUN])
    path = Path(bundles.with_system(roots))
    text = path.read_text()
    assert text.rstrip().endswith(roots[0].rstrip())
    blocks = text.split("-----BEGIN CERTIFICATE-----")[1:]
    assert len(blocks) > 50
    # System and certifi overlap; each is there once.
    assert len(set(blocks)) == len(blocks)
    assert path.stat().st_mode & 0o777 == 0o600
    assert bundles.with_system(roots) == str(path)
    assert Bundles(azure.keeper.home.run, azure.clock).with_system(roots) == str(path)


def test_two_roots_while_two_are_good(azure: Azure, bundles: Bundles) -> None:
    (first,) = bundles.roots(azure.gate, [RUN])
    before = bundles.alone([first])
    azure.clock.set(trusted_roots(azure.gate, RUN)[0].ends - timedelta(days=60))
    both = bundles.roots(azure.gate, [RUN])
    assert len(both) == 2
    assert both[0] == first
    after = bundles.alone(both)
    assert after != before
    assert Path(before).read_text() == f"{first}\n"
    assert Path(after).read_text().count("BEGIN CERTIFICATE") == 2


def test_az_is_trusted_where_it_is_asked_for(azure: Azure, bundles: Bundles) -> None:
    run = bundles.roots(azure.gate, [RUN])
    whole = bundles.roots(azure.gate, [RUN, AZ])
    assert whole[:1] == run
    assert len(whole) == 2
    assert whole[1] not in Path(bundles.with_system(run)).read_text()


def test_a_file_that_others_could_change_is_made_anew(azure: Azure, bundles: Bundles) -> None:
    roots = bundles.roots(azure.gate, [RUN])
    path = Path(bundles.alone(roots))
    path.chmod(0o666)
    path.write_text("anything")
    assert bundles.alone(roots) == str(path)
    assert "BEGIN" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert bundles.alone(roots) == str(path)
    assert not path.is_symlink()


def test_which_files_are_ours(azure: Azure, bundles: Bundles, tmp_path: Path) -> None:
    roots = bundles.roots(azure.gate, [RUN])
    path = bundles.alone(roots)
    assert bundles.holds(path, roots)
    assert not bundles.holds(path, ["another root"])
    copy = tmp_path / Path(path).name
    copy.write_text(Path(path).read_text())
    folder = os.fspath(Path(path).parent)
    for other in (str(copy), f"{folder}/../run/{copy.name}", f"{folder}/sessions.json", ""):
        assert not bundles.holds(other, roots)


def test_what_nobody_was_given_for_long_is_removed(azure: Azure, bundles: Bundles) -> None:
    roots = bundles.roots(azure.gate, [RUN])
    old = Path(bundles.alone(roots))
    begun = azure.clock.now().timestamp()
    os.utime(old, (begun, begun))
    azure.clock.move(timedelta(days=91))
    bundles.add_to("a state", b"# mine\n", roots)
    assert not old.exists()


def test_java_gets_the_same_roots_in_its_own_form(azure: Azure, bundles: Bundles) -> None:
    path = bundles.with_system(bundles.roots(azure.gate, [RUN]))
    store = Path(bundles.as_truststore(path))
    assert store.parent == azure.keeper.home.run
    assert store.stat().st_mode & 0o777 == 0o600
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a system's roots may have odd serial numbers
        found = load_pkcs12(store.read_bytes(), None).additional_certs
    assert len(found) == Path(path).read_text().count("BEGIN CERTIFICATE")
    stamp = store.stat().st_mtime_ns
    assert Bundles(azure.keeper.home.run, azure.clock).as_truststore(path) == str(store)
    assert store.stat().st_mtime_ns == stamp


def test_no_trust_store_is_made_of_a_file_that_is_gone(azure: Azure, bundles: Bundles) -> None:
    with pytest.raises(Unavailable, match="cannot read"):
        bundles.as_truststore(str(azure.keeper.home.run / "ca-gone.pem"))
