"""How many families stay in memory: the least recently touched go first, and counting them is rare."""

from datetime import date, timedelta
from decimal import Decimal

from projections.aggregates import DayState
from projections.outlook.outlook import UsedBefore
from projections.readmodels.directory import Member
from projections.resources import Resources
from projections.settlement import Billed
from services.readside.family_state import FamilyCache, FamilyState

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
    return sorted(one.root_id for one in cache.of_partition(0))


def test_who_was_touched_least_recently_goes_when_there_are_too_many() -> None:
    cache = FamilyCache(max_families=2)
    for name in ("a", "b"):
        cache.add(family(name, 1))
    assert cache.of_account("a") is not None  # touched
    cache.add(family("c", 1))
    cache.shrink(1)
    assert names(cache) == ["a", "c"] and "b" not in cache.root_of and "b" not in cache.zones


def test_totals_are_bounded_also_when_families_grow_that_are_in_memory() -> None:
    cache = FamilyCache(max_totals=100)
    held = {name: family(name, 30) for name in ("a", "b", "c")}
    for one in held.values():
        cache.add(one)
    cache.shrink(0)
    assert names(cache) == ["a", "b", "c"]
    touch(held["c"], 30, 50)
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
    one = family("a", 60)
    for _ in range(5):
        cache.add(one)
    assert cache._totals_at_most == 60


def test_what_was_used_until_yesterday_holds_until_something_comes_for_a_day_that_is_over() -> None:
    one, used = family("a", 0), UsedBefore(FIRST + timedelta(days=4), {})
    one.note_used(used)
    touch(one, 5, 7)
    assert one.used is used
    touch(one, 4, 5)
    assert one.used is None
    one.note_used(used)
    one.keep(None)
    assert one.used is None
