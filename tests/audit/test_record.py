from __future__ import annotations

from datetime import UTC, datetime

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
    assert AuditRecord.from_bytes(record.to_bytes()) == record


def test_an_event_is_shaped_as_azure_monitor_shows_it() -> None:
    event = a_record(1).to_event()
    assert event["category"] == "AuditEvent"
    assert event["time"] == "2026-01-01T12:00:01.1234560Z"
    assert event["resourceId"] == "/SUBSCRIPTIONS/X"
    assert event["resultSignature"] == "OK"
    assert datetime.fromisoformat(str(event["time"])[:26] + "+00:00") == a_record(1).time
