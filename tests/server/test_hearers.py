"""Whoever masks a program's output hears what it fetches before the program has it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from devvault.cli.hearing import Hearing
from devvault.clock import SetClock
from devvault.server import hearers as module
from devvault.server.hearers import Hearers, is_hearer
from devvault.server.reply import Reply

VALUE = "Server=db;Password=correct horse \N{HORSE FACE}"
AT = "https://my-vault.vault.azure.net/secrets/db/0123456789abcdef0123456789abcdef"


@pytest.fixture
def clock():
    return SetClock(datetime.now(UTC))


@pytest.fixture
def known(short_folder, clock):
    return Hearers(short_folder, clock)


@pytest.fixture
def short_folder(tmp_path_factory):
    """A folder whose path leaves room for a socket's name."""
    return tmp_path_factory.mktemp("r")


@pytest.fixture
def hearing(short_folder):
    made = Hearing(os.fsencode(short_folder))
    yield made
    made.end()


def name_of(hearing):
    return hearing.name.decode()


def reply(**members):
    return Reply(200, json.dumps(members).encode(), {})


def test_a_value_is_there_as_soon_as_it_was_told(known, hearing):
    known.tell_reply([name_of(hearing)], reply(value=VALUE, id=AT, attributes={}))
    assert hearing.take() == {b"my-vault/db": VALUE.encode()}
    assert hearing.take() == {}


def test_the_same_value_is_told_once_and_another_anew(known, hearing):
    for value in ("first value", "first value", "second value"):
        known.tell(name_of(hearing), "v/n", value)
    assert hearing.take() == {b"v/n": b"second value"}
    known.tell(name_of(hearing), "v/n", "first value")
    assert hearing.take() == {}


def test_a_list_and_a_listing_without_values_tell_nothing(known, hearing):
    known.tell_reply([name_of(hearing)], reply(value=[{"id": AT}], nextLink=None))
    known.tell_reply([name_of(hearing)], reply(id=AT, attributes={}))
    assert hearing.take() == {}


def test_a_hundred_values_of_the_largest_size_wait_for_a_slow_reader(known, hearing):
    told = {f"v/{number}": f"{number:05}" * 5120 for number in range(100)}
    for name, value in told.items():
        known.tell(name_of(hearing), name, value)
    assert hearing.take() == {name.encode(): value.encode() for name, value in told.items()}


def test_who_is_gone_holds_nobody(known, hearing, short_folder):
    known.tell("mAAAAAAA", "v/n", VALUE)
    hearing.end()
    assert list(short_folder.iterdir()) == []
    known.tell(name_of(hearing), "v/n", VALUE)


def test_the_socket_is_ours_alone(hearing, short_folder):
    assert (short_folder / name_of(hearing)).lstat().st_mode & 0o777 == 0o600


def test_names_that_lead_elsewhere_are_none():
    assert is_hearer("mAb-_019")
    for name in ("", "m", "s", "m../../x", "mAAAAAAAA", "mAAAA/AA", "daemon.j", "mAAAAAA\n"):
        assert not is_hearer(name), name


def test_what_killed_runs_left_behind_goes_after_an_hour(known, clock, short_folder):
    old, new, live = (Hearing(os.fsencode(short_folder)) for _ in range(3))
    (short_folder / "daemon.json").write_text("{}")
    known.forget_others({name_of(live)})
    assert len(list(short_folder.iterdir())) == 4, "a run may be just about to open its session"
    clock.set(clock.now() + timedelta(seconds=module._LEFT_AFTER + 60))
    known.forget_others({name_of(live)})
    assert {path.name for path in short_folder.iterdir()} == {name_of(live), "daemon.json"}
    for hearing in (old, new, live):
        hearing.end()
