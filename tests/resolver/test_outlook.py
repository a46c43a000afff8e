from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.references.base import parse
from devvault.resolver.outlook import Met, Row, expiry, reminders, rows
from devvault.resolver.plan import EnvFile, Journey, make_plan, read_files
from devvault.secretvalue import SecretValue

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
REFERENCE = "@Microsoft.KeyVault(VaultName=kv-a;SecretName={})"


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (timedelta(days=3), "in 3 days"),
        (timedelta(days=2, seconds=1), "in 3 days"),
        (timedelta(seconds=1), "in 1 day"),
        (timedelta(0), "expired today"),
        (timedelta(hours=-23), "expired today"),
        (timedelta(days=-1), "expired 1 day ago"),
        (timedelta(days=-400), "expired 400 days ago"),
    ],
)
def test_days_that_have_begun_count(spent, words):
    assert expiry(NOW + spent, NOW) == words
    assert expiry(None, NOW) == ""


def planned(text, **expires):
    journey = Journey(files=[EnvFile(".env", text.encode())])
    settings = read_files(journey)
    plan = make_plan(journey, lambda refs: [SecretValue("clear text") for _ in refs], settings)
    met = {
        parse(REFERENCE.format(name)).uri.lower(): Met("v" * 32, NOW + spent if spent else None)
        for name, spent in expires.items()
    }
    return plan, settings, met


def test_rows_hold_no_value():
    text = f"B=1\nA={REFERENCE.format('a')}\nC=${{A}}!\n"
    plan, settings, met = planned(text, a=timedelta(days=9))
    found = rows(plan, settings, met, NOW)
    assert found == [
        Row("A", ".env", "kv-a/a", "v" * 32, "in 9 days"),
        Row("B", ".env", "plain"),
        Row("C", ".env", "made of secrets"),
    ]
    assert "clear" not in "".join(row.line for row in found)
    assert "clear" not in repr(plan)


def test_a_reminder_names_what_expires_within_thirty_days():
    text = "".join(f"{name.upper()}={REFERENCE.format(name)}\n" for name in "abcde")
    text += f"AGAIN={REFERENCE.format('a')}\n"
    pinned = f"E={REFERENCE.format('e;SecretVersion=' + 'v' * 32)}\n"
    plan, _, met = planned(
        text + pinned,
        a=timedelta(days=30),
        b=timedelta(days=30, seconds=1),
        c=timedelta(days=-1),
        d=None,
    )
    assert reminders(plan, met, NOW) == [
        "A: the secret kv-a/a expires in 30 days",
        "C: the secret kv-a/c expired 1 day ago",
        "AGAIN: the secret kv-a/a expires in 30 days",
    ]


@given(st.tuples(*[st.text()] * 5))
def test_a_row_is_one_line_and_comes_back(cells):
    line = Row(*cells).line
    assert "\n" not in line
    assert "\0" not in line
    assert Row.of(line).line == line


def test_a_short_line_is_read_as_far_as_it_goes():
    assert Row.of("A\t.env") == Row("A", ".env", "")
