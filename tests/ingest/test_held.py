"""What came too early, without servers: it is held where that is configured, for as long, and counts as if it had not
come too early."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode
from events.facts.catalog import MeterCreated
from events.facts.usage import UsageRated
from services.ingest.batch import PollOutcome
from tests.ingest.bench import Bench
from tests.ingest.world import FIELDS, NOW, World

DAY_MS = 24 * 60 * 60 * 1000
ARRIVED = int(NOW.timestamp() * 1000)


def held_until(outcome: PollOutcome) -> list[int | None]:
    """Of each refused record."""
    by_header: list[dict[str, Any]] = [dict(record.headers) for record in outcome.rejected]
    return [int(headers["trueup-held-until"]) if "trueup-held-until" in headers else None for headers in by_header]


@pytest.mark.parametrize(
    ("configured", "days"),
    [
        ({}, None),
        ({"usageBeforeAccount": "REFUSE"}, None),
        ({"usageBeforeAccount": "HOLD"}, 30),
        ({"usageBeforeAccount": "HOLD", "usageHoldDays": 3}, 3),
        ({"usageBeforeAccount": "CREATE", "usageHoldDays": 1}, 1),
        ({"usageBeforeMeter": "HOLD"}, None),
    ],
)
def test_what_has_no_account_is_held_where_that_is_configured(configured: dict[str, Any], days: int | None) -> None:
    outcome = Bench(World("org", 1, **configured)).take(World("org", 1).usage("a", "late"))
    assert held_until(outcome) == [None if days is None else ARRIVED + days * DAY_MS]


def test_what_has_no_meter_is_held_where_that_is_configured() -> None:
    world = World("org", 1, usageBeforeMeter="HOLD")
    unmetered = world.usage("a", data={"meter": "late"})
    assert held_until(Bench(World("org", 1, usageBeforeAccount="HOLD")).take(unmetered)) == [None]
    bench = Bench(world)
    assert held_until(bench.take(unmetered)) == [ARRIVED + 30 * DAY_MS]
    body = {"code": "late", "name": "Late", "dataFields": FIELDS}
    bench.learn([(MeterCreated.model_validate({"id": world.id("late"), "version": 1, "body": body}), None)])
    assert len(rated(bench.take(unmetered))) == 1


@pytest.mark.parametrize("code", ["", "x" * 81, "x\0y", " x", "x\u200by"])
def test_what_nothing_can_be_called_is_not_waited_for(code: str) -> None:
    assert held_until(Bench(World("org", 1, usageBeforeAccount="CREATE")).take(WORLD.usage("a", code))) == [None]


def test_what_is_wrong_for_another_reason_is_not_held() -> None:
    bench = Bench(World("org", 1, usageBeforeAccount="HOLD", usageBeforeMeter="HOLD"))
    assert (
        held_until(bench.take(b"hello", WORLD.usage("a", time="yesterday"), WORLD.usage("b", organization="x")))
        == [None] * 3
    )


def test_an_organization_with_a_test_clock_holds_by_that() -> None:
    bench = Bench(World("org", 1, usageBeforeAccount="HOLD", testClock=True))
    bench.follower.organizations["org"].clock = NOW - timedelta(days=100)
    bench.catalogs.changed([])
    assert held_until(bench.take(WORLD.usage("a", "late"))) == [ARRIVED - 70 * DAY_MS]


def rated(outcome: PollOutcome) -> list[tuple[str | None, UsageRated]]:
    """Accounts and facts."""
    facts = [decode(record.value or b"") for record in outcome.records]
    return [(fact.account, fact.data) for fact in facts if isinstance(fact.data, UsageRated)]


def held_of(outcome: PollOutcome) -> list[bytes | None]:
    """What is held, as it came."""
    marked = zip(outcome.rejected, held_until(outcome), strict=True)
    return [record.value for record, until in marked if until is not None]


def named(counted: Iterable[tuple[str | None, UsageRated]]) -> list[tuple[str | None, str]]:
    """What counts: accounts and ids."""
    return sorted((account, fact.usage_id) for account, fact in counted)


WORLD = World("org", 1, accounts=1, usageBeforeAccount="HOLD")
IDS, CODES = st.sampled_from("abc"), st.sampled_from(["acme-0", "late"])
SENT = st.lists(st.builds(WORLD.usage, IDS, CODES, st.integers(1, 2)), min_size=1, max_size=12)


@given(SENT, st.data())
def test_what_is_held_counts_as_if_its_account_had_been_there(sent: list[bytes], data: st.DataObject) -> None:
    early = data.draw(st.integers(1, len(sent)), "come before the account")
    punctual, late = Bench(WORLD), Bench(WORLD)
    punctual.learn(WORLD.account("late"))
    at_once = rated(punctual.take(*sent))
    before = late.take(*sent[:early])
    late.learn(WORLD.account("late"))
    # A record is on the list once; who is killed sends some of them again.
    again = list(dict.fromkeys(held_of(before)))
    twice = data.draw(st.integers(0, len(again)), "are sent twice")
    counted = rated(before)
    for values in (again[:twice], again, sent[early:]):
        counted += rated(late.take(*values)) if values else []
    assert named(counted) == named(at_once)
    assert {(account, usage.usage_id): usage.measure for account, usage in counted} == {
        (account, usage.usage_id): usage.measure for account, usage in at_once
    }


@given(SENT, st.data())
def test_what_is_held_counts_once_in_whatever_order_it_meets_what_comes_after(
    sent: list[bytes], data: st.DataObject
) -> None:
    early = data.draw(st.integers(1, len(sent)), "come before the account")
    late = Bench(WORLD)
    before = late.take(*sent[:early])
    late.learn(WORLD.account("late"))
    held_before = held_of(before)
    mixed = data.draw(st.permutations([*held_before, *held_before, *sent[early:]]), "in this order")
    counted = rated(before) + (rated(late.take(*mixed)) if mixed else [])
    assert named(counted) == sorted(
        {(WORLD.account_id(event["subject"]), event["id"]) for event in map(json.loads, sent)}
    )
