from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from devvault.audit.record import AuditRecord
from tests.audit.chains import a_record

_text = st.text(max_size=30)


@given(
    st.builds(
        AuditRecord,
        time=st.datetimes(timezones=st.just(UTC)),
        operation=_text,
        resource=_text,
        result=_text,
        status=st.integers(100, 599),
        oid=_text,
        appid=_text,
        name=_text,
        id=_text,
        detail=_text,
        address=_text,
        agent=_text,
        uri=_text,
        api_version=_text,
        correlation=_text,
        duration_ms=st.integers(0, 10**6),
        extra=st.dictionaries(_text, _text, max_size=3),
    )
)
def test_a_record_comes_back_as_it_was(record: AuditRecord) -> None:
    data = record.to_bytes()
    assert AuditRecord.from_bytes(data) == record
    # Canonical: byte for byte what json makes of it, names in order.
    plain = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"))
    assert data == plain.encode()


def test_a_record_keeps_every_character_and_tells_its_time_in_utc() -> None:
    odd = '\udcff\x00\x1f\x7f"\\/\u2028\U0001f511'
    zone = timezone(timedelta(hours=2))
    record = a_record(1)._replace(
        uri=odd, extra={"b": odd, odd: "a"}, time=datetime(2026, 1, 1, 14, tzinfo=zone)
    )
    data = record.to_bytes()
    assert AuditRecord.from_bytes(data) == record
    assert json.loads(data)["t"] == "2026-01-01T12:00:00+00:00"
    assert data.isascii()


def test_an_event_is_shaped_as_azure_monitor_shows_it() -> None:
    event = a_record(1).to_event()
    assert event["category"] == "AuditEvent"
    assert event["time"] == "2026-01-01T12:00:01.1234560Z"
    assert event["resourceId"] == "/SUBSCRIPTIONS/X"
    assert event["resultSignature"] == "OK"
    assert datetime.fromisoformat(str(event["time"])[:26] + "+00:00") == a_record(1).time
