from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.clock import SetClock
from devvault.errors import Unavailable, WrongUse
from devvault.server import processes, sessions
from devvault.server.sessions import CONNECT, LIFE, RUN, Sessions

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WHO = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def clock():
    return SetClock(NOW)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def kept(folder, clock):
    return Sessions(folder, clock)


class Sleeper:
    """A program in a process group of its own, which ends when it is told to."""

    def __init__(self, code: str = "import sys; print(flush=True); sys.stdin.read()") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().decode().strip()

    @property
    def group(self) -> int:
        return self.process.pid

    def end(self, *, reap: bool = True) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.read()
        if reap:
            self.process.wait()
            self.process.stdout.close()


@pytest.fixture
def sleeper():
    made = Sleeper()
    yield made
    if made.process.returncode is None:
        made.end()


def found(kept, opened):
    return [
        kept.find(opened.session.id),
        kept.find_by_header(opened.header),
        kept.find_by_proxy(opened.proxy),
        kept.find_by_path(opened.path),
    ]


def test_each_secret_finds_its_session_and_in_its_own_place_alone(kept):
    opened = kept.open(CONNECT, WHO)
    assert found(kept, opened) == [opened.session] * 4
    assert opened.session.identity == WHO
    for secret in (opened.proxy, opened.path, opened.session.id, "", opened.header[:-1]):
        assert kept.find_by_header(secret) is None
    for secret in (opened.header, opened.path):
        assert kept.find_by_proxy(secret) is None
    assert kept.find_by_path(opened.header) is None


def test_no_two_sessions_share_anything(kept):
    one, two = kept.open(CONNECT, WHO), kept.open(CONNECT, WHO)
    assert len({one.header, one.proxy, one.path, two.header, two.proxy, two.path}) == 6
    assert kept.find_by_header(one.session.id + two.header[16:]) is None
    assert kept.live() == (one.session, two.session)


@given(st.text(max_size=200))
def test_no_other_text_is_a_session(tmp_path_factory, text):
    kept = Sessions(tmp_path_factory.mktemp("home") / "run", SetClock(NOW))
    opened = kept.open(CONNECT, WHO)
    assert kept.find_by_header(text) is None
    assert kept.find_by_proxy(opened.proxy + text) == (opened.session if not text else None)


def test_the_file_is_ours_alone_and_holds_no_secret(kept, folder):
    opened = kept.open(CONNECT, WHO)
    file = folder / "sessions.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    text = file.read_text()
    for secret in (opened.header, opened.proxy, opened.path):
        assert secret not in text
        assert secret[16:] not in text
        assert secret not in repr(opened)


def test_a_restarted_daemon_knows_the_live_sessions(kept, folder, clock, sleeper):
    shell = kept.open(CONNECT, WHO, pass_through=True)
    run = kept.open(RUN, WHO, group=sleeper.group)
    ended = kept.open(CONNECT, WHO)
    kept.end(ended.session.id)
    again = Sessions(folder, clock)
    assert found(again, shell) == [shell.session] * 4
    assert found(again, run) == [run.session] * 4
    assert found(again, ended) == [None] * 4


def test_a_shell_is_connected_for_eight_hours(kept, clock):
    opened = kept.open(CONNECT, WHO)
    clock.move(LIFE - timedelta(seconds=1))
    assert kept.find_by_header(opened.header) == opened.session
    clock.move(timedelta(seconds=1))
    assert found(kept, opened) == [None] * 4


def test_nobody_is_connected_for_longer_than_that(kept, clock):
    opened = kept.open(CONNECT, WHO, expires=NOW + 2 * LIFE)
    assert opened.session.expires == NOW + LIFE
    short = kept.open(CONNECT, WHO, expires=NOW + timedelta(minutes=1))
    clock.move(timedelta(minutes=1))
    assert kept.find(short.session.id) is None
    # A run whose processes nobody knows cannot live for ever.
    assert kept.open(RUN, WHO).session.expires == clock.now() + LIFE


def test_an_ended_session_is_found_by_nothing(kept):
    opened = kept.open(CONNECT, WHO)
    assert kept.end(opened.session.id)
    assert found(kept, opened) == [None] * 4
    assert not kept.end(opened.session.id)
    assert not kept.end("unknown")


def test_the_proxy_knows_for_a_week_what_is_over(kept, folder, clock):
    opened = kept.open(CONNECT, WHO)
    assert kept.find_over_by_proxy(opened.proxy) == opened.session
    clock.move(LIFE)
    for one in (kept, Sessions(folder, clock)):
        over = one.find_over_by_proxy(opened.proxy)
        assert over is not None
        assert over.over == clock.now()
        assert over.id == opened.session.id
        assert one.find_over_by_proxy(opened.header) is None
    clock.move(timedelta(days=7))
    kept.sweep()
    assert kept.find_over_by_proxy(opened.proxy) is None


def test_a_run_ends_with_its_processes(kept, sleeper):
    opened = kept.open(RUN, WHO, group=sleeper.group)
    assert opened.session.expires is None
    assert found(kept, opened) == [opened.session] * 4
    sleeper.end()
    assert found(kept, opened) == [None] * 4
    assert kept.live() == ()


def test_a_process_that_nobody_has_reaped_is_not_alive(kept, sleeper):
    opened = kept.open(RUN, WHO, group=sleeper.group)
    sleeper.end(reap=False)
    os.waitid(os.P_PID, sleeper.group, os.WEXITED | os.WNOWAIT)
    assert kept.find_by_header(opened.header) is None


def test_a_run_lives_on_in_a_child_of_its_group(kept):
    # The leader leaves a child behind that holds the pipes.
    code = "import os, sys\nif os.fork(): os._exit(0)\nprint(os.getpid(), flush=True)\n"
    parent = Sleeper(code + "sys.stdin.read()")
    try:
        opened = kept.open(RUN, WHO, group=parent.group)
        parent.process.wait()
        assert kept.find_by_header(opened.header) == opened.session
    finally:
        parent.end()
    assert processes.group_of(int(parent.said)) in {0, parent.group}


def test_another_process_of_the_same_number_is_not_the_run(kept, folder, clock, sleeper):
    opened = kept.open(RUN, WHO, group=sleeper.group)
    file = folder / "sessions.json"
    body = json.loads(file.read_text())
    body["sessions"][0]["mark"] = "1"
    file.write_text(json.dumps(body))
    assert Sessions(folder, clock).find_by_header(opened.header) is None
    assert kept.find_by_header(opened.header) == opened.session


def test_sessions_of_an_earlier_start_of_the_machine_are_gone(kept, folder, clock):
    opened = kept.open(CONNECT, WHO)
    file = folder / "sessions.json"
    body = json.loads(file.read_text())
    body["boot"] = "another"
    file.write_text(json.dumps(body))
    assert Sessions(folder, clock).find_by_header(opened.header) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"format": 2}',
        '{"format": 1, "boot": BOOT, "sessions": [{}]}',
        '{"format": 1, "boot": BOOT, "sessions": [{"id": 1}]}',
        '{"format": 1, "boot": BOOT, "sessions": 3}',
        '{"format": 1, "boot": BOOT, "sessions": [WHOLE]}'.replace(
            "WHOLE",
            '{"id":1,"kind":"run","identity":"","opened":1.0,"group":0,"mark":"","pid":0,"pid_mark":"","az":false,"expires":null,'
            '"pass_through":false,"over":null,"header":"","proxy":"","path":""}',
        ),
    ],
)
def test_a_malformed_file_holds_no_session(folder, clock, text):
    folder.mkdir(mode=0o700)
    file = folder / "sessions.json"
    file.write_text(text.replace("BOOT", json.dumps(processes.boot_mark())))
    file.chmod(0o600)
    kept = Sessions(folder, clock)
    assert kept.live() == ()
    opened = kept.open(CONNECT, WHO)
    assert Sessions(folder, clock).find(opened.session.id) == opened.session


def test_a_file_that_others_can_write_is_not_believed(kept, folder, clock):
    opened = kept.open(CONNECT, WHO)
    (folder / "sessions.json").chmod(0o666)
    assert Sessions(folder, clock).find_by_header(opened.header) is None


def test_all_end_when_the_ports_are_taken(kept, folder, clock):
    opened = kept.open(CONNECT, WHO)
    kept.end_all()
    for one in (kept, Sessions(folder, clock)):
        assert found(one, opened) == [None] * 4
        assert one.find_over_by_proxy(opened.proxy) is None


def test_sweep_ends_what_is_over(kept, clock, sleeper):
    kept.open(CONNECT, WHO)
    kept.open(RUN, WHO, group=sleeper.group)
    assert kept.sweep() == 0
    sleeper.end()
    clock.move(LIFE)
    assert kept.sweep() == 2
    assert kept.sweep() == 0


def test_there_is_a_limit_to_what_is_kept(kept, monkeypatch, clock):
    monkeypatch.setattr(sessions, "_LIVE_LIMIT", 3)
    monkeypatch.setattr(sessions, "_OVER_LIMIT", 2)
    opened = [kept.open(CONNECT, WHO) for _ in range(3)]
    with pytest.raises(Unavailable):
        kept.open(CONNECT, WHO)
    for one in opened:
        kept.end(one.session.id)
    kept.sweep()
    known = [kept.find_over_by_proxy(one.proxy) is not None for one in opened]
    assert known == [False, True, True]


def test_a_script_that_starts_thousands_of_runs_is_never_refused(kept, monkeypatch, sleeper):
    monkeypatch.setattr(sessions, "_LIVE_ENOUGH", 4)
    gone = [kept.open(RUN, WHO, group=os.getpgrp(), pid=sleeper.group) for _ in range(3)]
    assert all(kept.find(one.session.id) is not None for one in gone)
    sleeper.end()
    mine = [kept.open(RUN, WHO, group=os.getpgrp(), pid=os.getpid()) for _ in range(3)]
    shell = kept.open(CONNECT, WHO)
    kept.sweep()
    live = {session.id for session in kept.live()}
    # The oldest whose own process is gone made room; nobody else did.
    assert live == {one.session.id for one in (*mine, shell)}


def test_of_many_sessions_each_is_looked_at_once_a_second_and_not_at_every_run(
    kept, monkeypatch, clock
):
    monkeypatch.setattr(sessions, "_MANY", 3)
    for _ in range(8):
        kept.open(CONNECT, WHO)
    looks = []
    monkeypatch.setattr(Sessions, "_sweep", lambda *_: looks.append(1))
    kept.open(CONNECT, WHO)
    assert not looks
    clock.set(clock.now() + timedelta(seconds=1))
    kept.open(CONNECT, WHO)
    assert len(looks) == 1


def test_what_is_over_of_a_shell_outlasts_what_is_over_of_runs(kept, monkeypatch):
    monkeypatch.setattr(sessions, "_OVER_LIMIT", 1)
    shell = kept.open(CONNECT, WHO)
    runs = [kept.open(RUN, WHO) for _ in range(3)]
    for one in (shell, *runs):
        kept.end(one.session.id)
    kept.sweep()
    assert kept.find_over_by_proxy(shell.proxy) is not None
    assert all(kept.find_over_by_proxy(run.proxy) is None for run in runs)


def test_a_home_that_cannot_be_written_opens_nothing(folder, clock):
    folder.parent.joinpath("run").write_text("in the way")
    kept = Sessions(folder, clock)
    with pytest.raises(WrongUse):
        kept.open(CONNECT, WHO)
    assert kept.live() == ()


def test_who_is_nobody_has_no_group():
    assert processes.group_of(0) == 0
    assert processes.group_of(2**22 + 1) == 0
    assert processes.group_of(os.getpid()) == os.getpgrp()
    assert not processes.is_group_alive(0, "")
    assert processes.is_group_alive(os.getpgrp(), processes.leader_mark(os.getpgrp()))


def test_what_was_opened_since_is_known_after_a_kill(kept, folder, clock):
    opened = [kept.open(CONNECT, WHO) for _ in range(5)]
    more = folder / "sessions.more"
    assert more.stat().st_mode & 0o777 == 0o600
    for one in opened:
        for secret in (one.header, one.proxy, one.path):
            assert secret not in more.read_text() + (folder / "sessions.json").read_text()
    # Killed in the middle of a line.
    with more.open("a") as file:
        file.write('{"id": "torn')
    again = Sessions(folder, clock)
    assert all(again.find_by_header(one.header) is not None for one in opened)


def test_what_ended_does_not_come_back_with_an_older_file(kept, folder, clock):
    opened = [kept.open(CONNECT, WHO) for _ in range(3)]
    more = (folder / "sessions.more").read_bytes()
    kept.end(opened[2].session.id)
    # Killed between the whole file and the removal of what it replaces.
    (folder / "sessions.more").write_bytes(more)
    (folder / "sessions.more").chmod(0o600)
    again = Sessions(folder, clock)
    assert again.find_by_header(opened[2].header) is None
    assert again.find_by_header(opened[1].header) is not None


def test_many_openings_are_one_file_again(kept, folder, monkeypatch):
    monkeypatch.setattr(sessions, "_LINES_LIMIT", 4)
    for _ in range(20):
        kept.open(CONNECT, WHO)
        if (folder / "sessions.more").exists():
            assert len((folder / "sessions.more").read_text().splitlines()) < 4
