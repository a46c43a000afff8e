from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from devvault.cli.times import find_span, find_time, iso


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-31T00:00:00Z", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T02:00:00+02:00", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T10:20", datetime(2027, 1, 31, 10, 20, tzinfo=UTC)),
        ("next week", None),
        ("", None),
    ],
)
def test_times(text, expected):
    assert find_time(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", timedelta(days=90)),
        ("12H", timedelta(hours=12)),
        ("1y", timedelta(days=365)),
        ("90", None),
        ("-3d", None),
        ("d", None),
    ],
)
def test_spans(text, expected):
    assert find_span(text) == expected


def test_az_times():
    assert iso(0) == "1970-01-01T00:00:00+00:00"
    assert iso(None) is None
    assert iso(True) is None
