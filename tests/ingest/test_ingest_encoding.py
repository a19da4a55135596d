"""The hand-made records, ids, prices and days are held equal to the definitions that they are short cuts of."""

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import encode
from events.decimals import EXACT, plain
from events.digests import meter_crc
from events.envelope import event_id, seal
from events.facts.usage import RatedCharge, UsageRated, UsageRead
from events.resources.catalog import PricingBand
from events.sources import WINDOW_DAYS
from projections.pricing import price_of
from projections.resources import Resources
from services.ingest.directory import Directory, KnownAccount, KnownMeter
from services.ingest.instants import parse_instant
from services.ingest.lane import lane_of, publisher_of
from services.ingest.record import EventIds, ReadData, RecordWriter
from services.ingest.running_charge import Applied, RunningCharge, charge_members, decimal_of, stretches_of
from services.ingest.seen_ids import RECENT_IDS, SeenIds
from services.ingest.validate import Usage
from services.kafka import Record

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
MAPS = st.dictionaries(TEXT, TEXT, max_size=3)
NUMBERS = st.decimals(-(10**17), 10**17, allow_nan=False, places=6)
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.text(max_size=20), st.lists(st.integers(0, 2**63), max_size=5))
def test_ids_are_uuid5_of_source_and_sequence(source: str, sequences: list[int]) -> None:
    assert EventIds(source).texts(sequences) == [str(event_id(source, sequence)) for sequence in sequences]


@given(TEXT, TEXT, INSTANTS, st.none() | INSTANTS, st.dictionaries(TEXT, NUMBERS, max_size=3), MAPS, MAPS, INSTANTS)
@settings(deadline=None)
def test_usage_rated_is_written_as_the_codec_writes_it(
    usage_id: str,
    source: str,
    ts: datetime,
    ets: datetime | None,
    numbers: dict[str, Decimal],
    who: dict[str, str],
    metadata: dict[str, str],
    arrival: datetime,
) -> None:
    given_fields: dict[str, Any] = {"ets": ets, "measure": numbers, "who": who, "metadata": metadata}
    fact = UsageRated(
        usage_id=usage_id,
        usage_source=source,
        meter_id="m",
        ts=ts,
        charges=(
            RatedCharge(aggregation_id="a", pricing_id="p", account_plan_id="ap", amount=Decimal("1.50")),
            RatedCharge(aggregation_id="a", pricing_id="p", account_plan_id="ap", segment="{}", amount=Decimal(2)),
        ),
        catalog_offset=3,
        digest="ab" * 16,
        **{name: value for name, value in given_fields.items() if value},
    )
    expected = seal(fact, source="usage/g/4", sequence=77, organization="o", account="acc", time=arrival)
    lane = lane_of(
        Directory("o", Resources("o")),
        KnownAccount("acc", "code", 4, "UTC"),
        KnownMeter("m", "code", {}, meter_crc("m")),
        None,
    )
    usage = Usage(
        lane,
        publisher_of(lane, source),
        usage_id,
        ts,
        _text(ts),
        None if ets is None else _text(ets),
        ts.date(),
        {code: plain(number) for code, number in numbers.items()},
        {name: texts for name, texts in (("who", who), ("metadata", metadata)) if texts},
        bytes.fromhex("ab" * 16),
        0,
    )
    charges = [
        f'{{{charge_members("a", "p", "ap", segment)},"amount":"{amount}"}}'
        for segment, amount in (("", "1.50"), ("{}", "2"))
    ]
    [record] = RecordWriter("g", 4).rated([(77, _text(arrival), usage, ",".join(charges))], 3)
    assert record == Record(None, encode(expected))


def _text(moment: datetime) -> str:
    return moment.isoformat()[:-6] + "Z"


@given(st.integers(1, 2**40), INSTANTS)
def test_usage_read_is_written_as_the_codec_writes_it(offset: int, time: datetime) -> None:
    fact = UsageRead(next_offset=offset, rated=1, duplicate=2, rejected=3, rerouted=4)
    expected = encode(seal(fact, source="read/g/4", sequence=offset, organization="", time=time))
    assert RecordWriter("g", 4).read(_text(time), ReadData(offset, 1, 2, 3, 4)) == expected


BANDS = st.lists(
    st.tuples(st.integers(1, 1000), st.decimals(0, 50, places=2), st.decimals(0, 5, places=4)), min_size=1, max_size=4
)


@given(BANDS, st.booleans(), st.sampled_from(["1", "1000", "0.25", "3", "1000000"]), st.decimals(-500, 5000, places=3))
@settings(deadline=None)
def test_along_a_stretch_of_its_price_c_is_a_line(
    given_bands: list[tuple[int, Decimal, Decimal]], cumulative: bool, per: str, quantity: Decimal
) -> None:
    limits = {0} | {limit for limit, _, _ in given_bands[1:]}
    bands = [
        PricingBand.model_validate({"lowerLimit": limit, "fixedPrice": fixed, "unitPrice": unit})
        for limit, (_, fixed, unit) in zip(sorted(limits), given_bands, strict=False)
    ]
    price = price_of(bands, cumulative=cumulative)
    series: Any = SimpleNamespace(function="SUM", rounding="NONE", quantity_per_unit=Fraction(per))
    pricing: Any = SimpleNamespace(price=price)
    found = stretches_of(series, pricing)
    assert (found is None) == (per == "3")
    if found is not None:
        line = found.around(quantity)
        other = min(max(line.lower + Decimal("0.001"), quantity - 7), line.upper)
        assert line.lower < quantity <= line.upper
        gained = price.charge(Fraction(quantity) / Fraction(per)) - price.charge(Fraction(other) / Fraction(per))
        assert gained == Fraction(quantity - other) * Fraction(line.slope)


@given(
    st.lists(st.decimals(-9, 9, places=9), min_size=1, max_size=12), st.sampled_from(["1", "1000000000", "0.5", "3"])
)
@settings(deadline=None)
def test_what_records_add_sums_to_the_charge_with_the_digits_of_the_log(numbers: list[Decimal], per: str) -> None:
    bands = [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": "0.123456789"}, {"lowerLimit": 5, "unitPrice": "0.01"}]
    price = price_of([PricingBand.model_validate({"fixedPrice": 0} | band) for band in bands], cumulative=True)
    series: Any = SimpleNamespace(function="SUM", rounding="NONE", quantity_per_unit=Fraction(per))
    pricing: Any = SimpleNamespace(price=price, id="p")
    applied = Applied(SimpleNamespace(id="ap"), series, pricing, ())  # type: ignore[arg-type]
    running, gained = RunningCharge(("acc", "a", ""), applied, stretches_of(series, pricing), None), Decimal(0)
    with localcontext(EXACT):
        for count, number in enumerate(numbers, 1):
            gained += Decimal(running.gain(number, str(number)) or 0)
            total = Fraction(sum(numbers[:count], Decimal(0)))
            assert gained == decimal_of(price.charge(total / Fraction(per)))


@given(st.fractions(-(10**6), 10**6))
def test_a_fraction_becomes_the_nearest_decimal_of_eighteen_digits(amount: Fraction) -> None:
    assert abs(Fraction(decimal_of(amount)) - amount) <= Fraction(1, 2 * 10**18)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-15T12:00:00Z", "2026-01-15T12:00:00Z"),
        ("2026-01-15T12:00:00.000Z", "2026-01-15T12:00:00Z"),
        ("2026-01-15T12:00:00.120Z", "2026-01-15T12:00:00.120000Z"),
        ("2026-01-15T12:00:00.123456Z", "2026-01-15T12:00:00.123456Z"),
        ("2026-01-15T12:00:00.1Z", "2026-01-15T12:00:00.100000Z"),
        ("2026-01-15T13:00:00+01:00", "2026-01-15T12:00:00Z"),
        ("2026-W03-4T12:00:00Z", None),
        ("20260115T120000.000Z", None),
        ("2026-01-15T24:00:00Z", None),
        ("2026-01-15T12:60:00Z", None),
        ("2026-02-30T12:00:00Z", None),
        ("2026-01-15T12:00:00,123Z", None),
        ("2026-01-15", None),
    ],
)
def test_instants_are_rfc_3339_and_spelt_in_one_way(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="must be an RFC 3339 date-time with an offset or Z"):
            parse_instant(text)
    else:
        moment, spelt = parse_instant(text)
        assert spelt == expected == _text(moment)


def load(seen: SeenIds, *rows: tuple[bytes, int]) -> None:
    """As a snapshot is loaded, its rows in order."""
    for row in rows:
        if seen.gather(*row):
            seen.sort(seen.gathered())
    seen.sort(seen.gathered())


def test_ids_are_known_within_the_window_and_forgotten_after_it() -> None:
    seen = SeenIds()
    digests = [np.random.default_rng(number).bytes(16) for number in range(200)]
    for number, digest in enumerate(digests):
        seen.remember(digest, 100 + number // 100)
    seen._flush(101)
    assert seen.contents_of(digests, 101) == {digest[:12]: digest[12:] for digest in digests}
    assert len(seen.contents_of(digests, 101 + WINDOW_DAYS)) == 100
    assert not seen.contents_of(digests, 102 + WINDOW_DAYS)
    load(seen, (digests[0], 120))
    assert seen.contents_of(digests, 102 + WINDOW_DAYS) == {digests[0][:12]: digests[0][12:]}
    assert seen.admit(digests[0], 101) is None
    assert seen.admit(digests[0][:12] + b"else", 101) == digests[0][12:]
    assert seen.admit(digests[0][:12] + b"else", 102 + WINDOW_DAYS) is None


def test_rows_of_a_snapshot_are_sorted_many_at_a_time_and_each_id_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.seen_ids.LOADED_IDS", 100)
    seen, source = SeenIds(), np.random.default_rng(2)
    rows = [source.bytes(16 * 7) for _ in range(50)]
    load(seen, *((row, 100 + number // 2) for number, row in enumerate(rows)))
    assert len(seen) == 350
    digests = [row[start : start + 16] for row in rows for start in range(0, len(row), 16)]
    assert seen.contents_of(digests, 124) == {digest[:12]: digest[12:] for digest in digests}
    # One that came again after the window, in the same row or a later one: the newer use counts.
    again = digests[-1][:12] + b"else"
    load(seen, (digests[-1] + source.bytes(16 * 5_000) + again, 125 + WINDOW_DAYS))
    assert seen.contents_of([again], 125 + WINDOW_DAYS) == {again[:12]: b"else"}
    load(seen, (digests[-1], 126 + WINDOW_DAYS))
    assert seen.contents_of([again], 126 + WINDOW_DAYS) == {again[:12]: digests[-1][12:]}


def test_ids_with_equal_first_bytes_are_told_apart() -> None:
    seen = SeenIds()
    for last in range(5):
        seen.remember(bytes(11) + bytes([last]) + bytes([last] * 4), 100)
    seen._flush(100)
    asked = [bytes(11) + bytes([last]) + b"zzzz" for last in range(7)]
    assert seen.contents_of(asked, 100) == {bytes(11) + bytes([last]): bytes([last] * 4) for last in range(5)}


def test_an_id_costs_under_twenty_bytes_and_runs_stay_few() -> None:
    seen, source = SeenIds(), np.random.default_rng(1)
    for _ in range(40):
        block = source.bytes(16 * RECENT_IDS)
        for start in range(0, len(block), 16):
            seen.remember(block[start : start + 16], 100)
        seen.compact(100)
    held = sum(run.high.nbytes + run.low.nbytes + run.content.nbytes + run.day.nbytes for run in seen._runs)
    assert len(seen) == 40 * RECENT_IDS and held / len(seen) < 20 and len(seen._runs) < 8
