"""Usage of a story counts, is dropped or is refused as ingest has it, in the file's words."""

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml

CATALOG = """
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}, {code: tag, category: WHO}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
steps:
"""
CONFLICT = "usage was refused: uid 'u' was used with other content"


def story(*steps: str) -> str:
    return CATALOG + "".join(f"  - {step}\n" for step in steps)


def usage(fields: str) -> str:
    return f"usage: {{account: acme, meter: calls, {fields}}}"


def played(*steps: str) -> list[Played]:
    return play(parse_story(load_yaml(story(*steps))), MemoryPlayer())


def billed(*steps: str) -> str:
    [bill] = played(*steps, "bill: {date: 2026-02-01}")[-1].result
    return str(bill.total)


FIRST = usage("ts: 2026-01-10T00:00:00Z, uid: u, measure: {n: 5}")


def test_a_uid_used_again_with_the_same_content_is_dropped() -> None:
    again = usage("ts: 2026-01-10T01:00:00+01:00, uid: u, measure: {n: 5.00}")
    assert [result.differences for result in played(FIRST, again)] == [(), ()]
    assert billed(FIRST, again) == "5.00"


def test_a_uid_used_again_with_other_content_is_refused() -> None:
    for other in ("measure: {n: 6}, ts: 2026-01-10T00:00:00Z", "measure: {n: 5}, ts: 2026-01-11T00:00:00Z"):
        again = usage(f"uid: u, {other}")
        assert played(FIRST, again)[1].differences == (f"was refused: {CONFLICT}",)
        assert billed(FIRST, again) == "5.00"
        assert [result.differences for result in played(FIRST, f"{again}\n    expectError: other content")] == [(), ()]


def test_of_repeated_usage_what_is_not_refused_counts() -> None:
    taken = usage("ts: 2026-01-10T00:00:00Z, uid: u-2, measure: {n: 5}")
    repeated = usage("ts: 2026-01-01T00:00:00Z, uid: u, repeat: {every: 1d, until: 2026-01-04}, measure: {n: 1}")
    refused = played(taken, repeated)[1].differences
    assert refused == ("was refused: usage was refused: uid 'u-2' was used with other content",)
    assert billed(taken, repeated) == "7.00"


def test_an_end_is_part_of_what_usage_says() -> None:
    ended = usage("ts: 2026-01-10T00:00:00Z, ets: 2026-01-10T02:00:00Z, uid: u, measure: {n: 5}")
    assert [result.differences for result in played(ended, ended)] == [(), ()]
    assert played(ended, FIRST)[1].differences == (f"was refused: {CONFLICT}",)


def test_an_end_before_the_beginning_is_refused() -> None:
    [backwards] = played(usage("ts: 2026-01-10T00:00:00Z, ets: 2026-01-09T00:00:00Z, measure: {n: 5}"))
    assert backwards.differences == ("was refused: usage was refused: ets must not be before ts",)


def test_the_end_of_repeated_usage_moves_with_it() -> None:
    hours = "ets: 2026-01-01T01:00:00Z, repeat: {every: 1d, until: 2026-01-04}, measure: {n: 1}"
    assert billed(usage(f"ts: 2026-01-01T00:00:00Z, {hours}")) == "3.00"
