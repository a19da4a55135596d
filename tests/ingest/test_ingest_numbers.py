"""Measures as JSON libraries write them: ordinary doubles are taken, and one number in two spellings is one content."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode
from events.decimals import normal, parse_decimal
from events.facts.usage import UsageRated
from services.ingest.batch import PollOutcome
from tests.ingest.bench import Bench
from tests.ingest.world import World

WORLD = World("org", 1)


def usage(usage_id: str, number: str) -> bytes:
    """A record whose measure is spelt so."""
    return WORLD.usage(usage_id).replace(b"10}", f"{number}}}".encode())


def measured(outcome: PollOutcome) -> list[Decimal]:
    facts = [decode(record.value or b"").data for record in outcome.records]
    return [fact.measure["tokens"] for fact in facts if isinstance(fact, UsageRated)]


def spellings(double: float) -> list[str]:
    """The same number as other libraries write it."""
    exact = Decimal(repr(double))
    digits, exponent = f"{exact:E}".split("E")
    return [
        json.dumps(double),
        f"{exact:f}" if "." in f"{exact:f}" else f"{exact:f}.0",
        f"{digits}{'' if '.' in digits else '.0'}000e{exponent}",
        f"{exact:f}{'0' * 40}" if "." in f"{exact:f}" else f"{exact:f}.{'0' * 40}",
    ]


@given(st.one_of(st.floats(-1e15, 1e15), st.floats(0.001, 0.01), st.floats(-1e-9, 1e-9)))
def test_a_double_is_taken_rounded_and_known_again_in_any_spelling(double: float) -> None:
    bench, written = Bench(), spellings(double)
    outcome = bench.take(*(usage("a", number) for number in written))
    assert (outcome.counts.rated, outcome.counts.duplicate) == (1, len(written) - 1)
    assert measured(outcome) == [parse_decimal(double)]


def test_a_three_hundredth_is_kept_to_eighteen_digits_and_another_number_that_rounds_to_it_is_the_same() -> None:
    bench = Bench()
    kept = Decimal("0.003333333333333334")
    assert measured(bench.take(usage("a", json.dumps(1 / 300)))) == [kept]
    assert bench.take(usage("a", str(kept)), usage("a", "3.33333333333333400001e-3")).counts.duplicate == 2
    assert bench.take(usage("a", "0.003333333333333335")).counts.rejected == 1


@pytest.mark.parametrize(
    "number", ["1e-19", "-1e-19", "1e-400", "1e-999999999", "1e-99999999999999999999999", "-0.0", "0e5"]
)
def test_what_is_nearer_to_zero_than_to_the_last_digit_is_zero(number: str) -> None:
    bench = Bench()
    outcome = bench.take(usage("a", number), usage("a", "0"))
    assert (outcome.counts.rated, outcome.counts.duplicate) == (1, 1)
    assert normal(measured(outcome)[0]) == 0


@pytest.mark.parametrize(
    "number", ["1e18", "1e999999999", "-1e99999999999999999999999", "999999999999999999.9999999999999999999"]
)
def test_more_than_eighteen_whole_digits_are_refused(number: str) -> None:
    outcome = Bench().take(usage("a", number))
    assert outcome.counts.rejected == 1
    assert (b"data.measure.tokens must have at most 18 whole digits") in dict(outcome.rejected[0].headers).values()
