"""How many families stay in memory: the least recently touched go to rest first, and counting them is rare."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from projections.aggregates import DayState
from projections.outlook.outlook import Used, UsedBefore
from projections.readmodels.directory import Member
from projections.resources import Resources
from projections.settlement import Billed
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState
from services.readside.resting import BESIDE

FIRST = date(2026, 1, 1)


def family(name: str, totals: int) -> FamilyState:
    made = FamilyState("org", name, 0, Resources("org"), Billed(), {name: Member("UTC", billable=True)})
    touch(made, 0, totals)
    return made


def touch(family: FamilyState, first: int, stop: int) -> None:
    for number in range(first, stop):
        key = (family.root_id, "sum", "", FIRST + timedelta(days=number))
        family.put_total(key, DayState(Decimal(1), 1), (0, 0))


def names(cache: FamilyCache) -> list[str]:
    return sorted(cache._families)


def crowded(max_resting_bytes: int) -> FamilyCache:
    """There is room for two in use, `a` and `c`; `b` was touched least recently."""
    cache = FamilyCache(max_families=2, max_resting_bytes=max_resting_bytes)
    for name in ("a", "b"):
        cache.add(family(name, 1))
    assert cache.of_account("a") is not None  # touched
    cache.add(family("c", 1))
    cache.shrink(1)
    assert names(cache) == ["a", "c"]
    return cache


def test_who_was_touched_least_recently_rests_when_there_are_too_many_and_is_back_when_touched() -> None:
    cache = crowded(max_resting_bytes=10**6)
    assert {"a", "b", "c"} == cache.root_of.keys() == cache.zones.keys()
    again = cache.of_account("b")
    assert again is not None and again.totals == family("b", 1).totals and names(cache) == ["a", "b", "c"]
    cache.shrink(1)
    assert names(cache) == ["b", "c"]


def test_who_rests_longest_is_dropped_when_those_at_rest_take_too_much() -> None:
    cache = crowded(max_resting_bytes=BESIDE)
    assert {"a", "c"} == cache.root_of.keys() == cache.zones.keys() and cache.get("b") is None


@pytest.mark.parametrize("partition", [0, 1])
def test_of_a_partition_that_is_dropped_nobody_stays_in_use_or_at_rest(partition: int) -> None:
    cache = crowded(max_resting_bytes=10**6)
    cache.drop_partitions([partition])
    assert [name for name in ("a", "b", "c") if cache.get(name)] == ([] if partition == 0 else ["a", "b", "c"])


def test_where_all_families_of_a_partition_are_to_change_those_at_rest_are_forgotten() -> None:
    cache = crowded(max_resting_bytes=10**6)
    assert [in_use.root_id for in_use in cache.in_use(1)] == [] and cache.get("b") is not None
    cache.shrink(1)
    assert {in_use.root_id for in_use in cache.in_use(0)} == {"b", "c"} and cache.get("a") is None
    assert {"b", "c"} == cache.root_of.keys()


def test_totals_are_bounded_also_when_families_grow_that_are_in_memory() -> None:
    cache = FamilyCache(max_totals=100)
    families = {name: family(name, 30) for name in ("a", "b", "c")}
    for cached in families.values():
        cache.add(cached)
    cache.shrink(0)
    assert names(cache) == ["a", "b", "c"]
    touch(families["c"], 30, 50)
    cache.shrink(20)
    assert names(cache) == ["b", "c"]


def test_whoever_is_touched_often_is_counted_anew_before_anybody_goes() -> None:
    cache = FamilyCache(max_totals=100)
    cache.add(family("a", 40))
    cache.add(family("b", 40))
    for _ in range(50):
        cache.shrink(30)  # the same totals again and again
    assert names(cache) == ["a", "b"]


def test_whoever_is_added_again_counts_once() -> None:
    cache = FamilyCache(max_totals=100)
    first = family("a", 60)
    for _ in range(5):
        cache.add(first)
    assert cache._totals_at_most == 60


def test_what_was_used_until_yesterday_holds_until_something_comes_for_a_day_that_is_over() -> None:
    first, week_ago, yesterday = family("a", 0), FIRST, FIRST + timedelta(days=7)
    used = UsedBefore(yesterday, {week_ago: Used([1], []), yesterday: Used([2], [])})
    first.note_used(used)
    touch(first, 8, 9)
    assert first.used is used
    touch(first, 7, 8)
    assert first.used is not None and first.used.by_day == {week_ago: Used([1], [])}
    touch(first, 0, 1)
    assert first.used.by_day == {}
    first.note_used(used)
    first.keep(None)
    assert first.used is None
