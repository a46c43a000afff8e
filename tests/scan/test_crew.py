"""Many texts, several processes, with and without Hyperscan: the same findings."""

from __future__ import annotations

import os
import signal

import pytest

from devvault.errors import Unavailable
from devvault.scan.crew import Crew
from devvault.scan.engine import Engine
from devvault.scan.rule import rules_of
from devvault.scan.sources import from_bytes
from tests.scan import corpus

GOOD = {"id": "acme-key", "what": "an Acme key", "severity": "high", "keywords": ["acme"],
        "pattern": "acme_[a-z]{8}"}  # fmt: skip


def texts():
    made = [from_bytes(file.name, file.text.encode()) for file in corpus.files(3)]
    return [*made, from_bytes("own.txt", b"acme_abqdefgh"), from_bytes("none", b"")]


def facts(found):
    return [[(one, one.held.reveal()) for one in some] for some in found]


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVVAULT_HOME", str(tmp_path / "home"))
    return Engine(rules_of("acme", {"rule": [GOOD]}, "acme.toml"))


def test_a_crew_finds_what_its_engine_finds(engine):
    some = texts()
    alone = facts(engine.scan_all(some))
    assert sum(map(len, alone)) > 500
    with Crew(engine, hands=3, worth=0) as crew:
        assert facts(crew.scan_all(some)) == alone
        assert facts(crew.scan_all(some[:3])) == alone[:3]
        processes = list(crew._running)
        assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)


def test_a_lost_process_loses_no_text(engine):
    some = texts()
    alone = facts(engine.scan_all(some))
    with Crew(engine, hands=2, worth=0) as crew:
        crew.scan_all(some[:2])
        os.kill(crew._running[0].pid, signal.SIGKILL)
        assert facts(crew.scan_all(some)) == alone
        assert facts(crew.scan_all(some)) == alone


def test_a_small_check_starts_no_process(engine):
    with Crew(engine, hands=4) as crew:
        crew.scan_all(texts())
        assert crew._running == []


def with_gate(engine):
    try:
        from devvault.scan.gate import Gate

        return Gate(engine.rules)
    except Unavailable as error:
        pytest.skip(error.message)


def test_with_hyperscan_the_findings_are_the_same(engine):
    with_gate(engine)
    some = texts()
    alone = facts(engine.scan_all(some))
    fast = Engine(engine.more)
    fast.use_gate()
    assert fast._gate is not None
    assert facts(fast.scan_all(some)) == alone


def test_a_database_is_kept_in_the_home_for_us_alone(engine, tmp_path):
    from devvault.scan.gate import Gate

    with_gate(engine)
    (kept,) = (tmp_path / "home" / "cache").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    first = kept.stat().st_mtime_ns
    again = Gate(engine.rules)
    assert kept.stat().st_mtime_ns == first
    assert again.find("api_token = 'x'") == (frozenset(), [12, 14])


@pytest.mark.parametrize("spoil", ["damage", "open", "link", "empty"])
def test_a_database_that_is_not_as_we_left_it_is_not_loaded(engine, tmp_path, spoil):
    from devvault.scan.gate import Gate

    with_gate(engine)
    (kept,) = (tmp_path / "home" / "cache").iterdir()
    if spoil == "damage":
        data = bytearray(kept.read_bytes())
        data[5000] ^= 1
        kept.write_bytes(data)
    elif spoil == "open":
        kept.chmod(0o644)
    elif spoil == "empty":
        kept.write_bytes(b"")
    else:
        aside = tmp_path / "aside"
        kept.rename(aside)
        kept.symlink_to(aside)
    before = kept.lstat().st_ino
    gate = Gate(engine.rules)
    assert gate.find("see acme_abqdefgh") == (frozenset({"acme-key"}), [])
    (now,) = (tmp_path / "home" / "cache").iterdir()
    assert now.lstat().st_ino != before
    assert not now.is_symlink()
    assert now.stat().st_mode & 0o777 == 0o600


def test_without_a_home_to_write_to_it_works_all_the_same(engine, tmp_path, monkeypatch):
    from devvault.scan.gate import Gate

    with_gate(engine)
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("DEVVAULT_HOME", str(tmp_path / "file" / "home"))
    assert Gate(engine.rules).find("see acme_abqdefgh") == (frozenset({"acme-key"}), [])


def test_a_text_whose_bytes_are_not_its_characters_is_looked_at_whole(engine):
    with_gate(engine)
    engine.use_gate()
    (one,) = engine.scan(from_bytes("ü.txt", "ü acme_abqdefgh".encode()))
    assert (one.column, one.end) == (3, 16)
