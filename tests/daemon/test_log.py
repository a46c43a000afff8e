from __future__ import annotations

import logging
import stat
from datetime import UTC, datetime

from devvault.clock import SetClock
from devvault.daemon.log import KEPT, Bridge, Log

CLOCK = SetClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_a_line_has_time_and_words_and_cannot_be_forged(tmp_path):
    log = Log(tmp_path / "log" / "daemon.log", CLOCK)
    log.write("started\n2026 [1] forged")
    lines = log.path.read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("2026-01-02T03:04:05.000+00:00 [")
    assert lines[0].endswith("started?2026 [1] forged")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_it_rotates_and_keeps_three_files(tmp_path):
    log = Log(tmp_path / "log" / "daemon.log", CLOCK, limit=200)
    for number in range(50):
        log.write(f"line {number}")
    files = sorted(path.name for path in log.path.parent.iterdir())
    assert files == ["daemon.log", "daemon.log.1", "daemon.log.2"][:KEPT]
    assert all(path.stat().st_size <= 200 for path in log.path.parent.iterdir())
    assert "line 49" in log.path.read_text()


def test_an_unexpected_error_is_told_without_its_message(tmp_path):
    log = Log(tmp_path / "log" / "daemon.log", CLOCK)
    try:
        try:
            int("hunter2")
        except ValueError as error:
            raise KeyError("hunter3") from error
    except KeyError as error:
        log.failure("a request", error)
    text = log.path.read_text()
    assert "error: a request: KeyError from ValueError at test_log.py:" in text
    assert "hunter" not in text


def test_a_server_warning_comes_without_its_arguments(tmp_path):
    log = Log(tmp_path / "log" / "daemon.log", CLOCK)
    logger = logging.getLogger("devvault.tests.server")
    logger.addHandler(Bridge(log))
    logger.warning("Invalid HTTP request received.")
    logger.warning("value %s", "hunter2")
    text = log.path.read_text()
    assert "warning: Invalid HTTP request received." in text
    assert "a message of devvault.tests.server" in text
    assert "hunter2" not in text


def test_a_folder_that_went_away_stops_nothing(tmp_path):
    log = Log(tmp_path / "log" / "daemon.log", CLOCK)
    log.path.parent.rmdir()
    log.write("nobody hears this")
    assert not log.path.exists()
