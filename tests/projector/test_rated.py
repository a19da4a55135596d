"""The fast structs say what the pydantic fact says."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode, encode
from events.envelope import seal
from events.facts.usage import UsageRated
from events.zones import ZoneDays, time_zone
from projections.usage import PREFIX, decode_rated, details_of, rated_of

TEXTS = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=2)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9)
INSTANTS = st.datetimes(
    min_value=datetime(2000, 1, 1),
    max_value=datetime(2040, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
FACTS = st.fixed_dictionaries(
    {
        "usage_id": st.text(min_size=1, max_size=10),
        "usage_source": st.text(max_size=10),
        "meter_id": st.uuids().map(str),
        "ts": INSTANTS,
        "measure": st.dictionaries(st.text(min_size=1, max_size=8), NUMBERS, max_size=3),
        "who": TEXTS,
        "metadata": TEXTS,
        "catalog_offset": st.integers(0, 10**9),
        "digest": st.binary(min_size=16, max_size=16).map(bytes.hex),
    }
).map(UsageRated.model_validate)


@given(FACTS)
def test_the_fast_decode_equals_the_fact(fact: UsageRated) -> None:
    envelope = seal(fact, source="usage/x/0", sequence=7, organization="o", time=fact.ts, account="a")
    value = encode(envelope)
    assert value.startswith(PREFIX)
    ([fast], strange) = decode_rated([value])
    assert not strange
    slow = rated_of(decode(value))
    assert (fast.source, fast.sequence, fast.account, fast.time) == ("usage/x/0", 7, "a", envelope.time)
    assert {code: Decimal(text) for code, text in (fast.data.measure or {}).items()} == fact.measure
    assert (fast.data.meter_id, fast.data.digest) == (fact.meter_id, fact.digest)
    assert datetime.fromisoformat(fast.data.ts) == datetime.fromisoformat(slow.data.ts) == fact.ts
    details = details_of(value)
    assert (details.usage_id, details.ts, details.numbers) == (fact.usage_id, fact.ts, fact.measure)
    assert details.texts == fact.who | fact.metadata
    assert details_of(value.replace(b'{"type"', b'{ "type"', 1)) == details


@given(
    INSTANTS, st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Monrovia"])
)
def test_a_day_found_by_its_hour_is_the_day_of_the_zone(moment: datetime, zone: str) -> None:
    days = ZoneDays(time_zone(zone))
    for later in (0, 1, 59, 60, 1800):
        at = moment + timedelta(seconds=later)
        text = at.isoformat().replace("+00:00", "Z")
        expected: date = at.astimezone(time_zone(zone)).date()
        if text.endswith("Z"):
            assert days.get(text[:13], expected) == expected
        assert days.day(text) == expected


def test_an_hour_with_a_minute_of_the_next_day_in_it_is_not_found_by_its_hour() -> None:
    """St. John's set its clocks back at 00:01, to 23:01 of the day before."""
    late, midnight, early = (f"2010-11-07T02:{minute}Z" for minute in ("29:59", "30:59", "31:00"))
    for first in (late, midnight, early):
        days = ZoneDays(time_zone("America/St_Johns"))
        days.day(first)
        found = [days.get(text[:13]) or days.day(text) for text in (late, midnight, early)]
        assert found == [date(2010, 11, 6), date(2010, 11, 7), date(2010, 11, 6)]
