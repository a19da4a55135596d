"""An alert is raised once an arming, whatever comes late, is replayed, or is forgotten in between (decision 33)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pickle import dumps, loads
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from events.resources.notifications import ENDS, EXHAUSTED, LEFT, USED, NotificationConfiguration
from projections.alerts.due import FamilyAlerts, Speed, alert_id
from projections.alerts.levels import Level
from projections.alerts.rules import SO, Rules, height_of, rules_of
from projections.entities import Entity

ACME, OTHER, PREPAID = str(uuid4()), str(uuid4()), "prepaid"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def rule(
    event_name: str, threshold: int | str | None, id: str | None = None, **more: object
) -> Entity[NotificationConfiguration]:
    """A rule, known by its id."""
    document = {"name": "A", "code": "a", "description": "", "eventName": event_name, "threshold": threshold} | more
    body = NotificationConfiguration.model_validate(
        {name: value for name, value in document.items() if value is not None}
    )
    return Entity(id or str(uuid4()), 1, body, 1, 1, AT, AT)


def level(value: int, event_name: str = USED, arming: str = "100/0", day: date | None = None) -> Level:
    height = SO if event_name == EXHAUSTED else height_of(event_name, value)
    return Level(event_name, PREPAID, ACME, height, arming, day)


def found(rules: Rules, *levels: Level, alerts: FamilyAlerts | None = None) -> set[str]:
    """Ids of the rules whose alerts are to be raised."""
    return {one.rule_id for one in (alerts or FamilyAlerts()).find(rules, levels, Speed.BALANCES)}


def test_a_rule_holds_from_its_threshold_on_upwards_or_downwards() -> None:
    rules = rules_of(
        [rule(USED, 80, "used"), rule(LEFT, 20, "left"), rule(EXHAUSTED, None, "none"), rule(ENDS, 7, "ends")]
    )
    assert found(rules, level(79), level(21, LEFT), level(8, ENDS)) == set()
    assert found(rules, level(80), level(20, LEFT), level(7, ENDS), level(0, EXHAUSTED)) == {
        "used",
        "left",
        "none",
        "ends",
    }


def test_a_rule_of_an_account_looks_at_this_one_alone_and_one_that_is_not_active_at_none() -> None:
    rules = rules_of(
        [rule(USED, 50, "all"), rule(USED, 50, "ours", accountId=ACME), rule(USED, 50, "theirs", accountId=OTHER)]
    )
    assert found(rules, level(60)) == {"all", "ours"}
    assert not rules_of([rule(USED, 50, active=False)])


def test_another_threshold_is_another_alert_and_another_name_of_the_rule_is_not() -> None:
    [before], [same], [after] = (
        FamilyAlerts().find(rules_of([one]), [level(90)], Speed.BALANCES)
        for one in (rule(USED, 50, "r"), rule(USED, 50, "r", name="B"), rule(USED, 60, "r"))
    )
    assert before.id == same.id != after.id


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("used"), st.integers(0, 120)),
        st.tuples(st.just("paid in"), st.none()),
        st.tuples(st.just("raise"), st.none()),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just("rest"), st.none()),
    ),
    max_size=40,
)


@given(STEPS, st.lists(st.sampled_from([10, 50, 50, 80, 100]), min_size=1, max_size=5))
def test_back_and_forth_in_any_cut_raises_each_rule_once_an_arming(
    steps: list[tuple[str, int | None]], at: list[int]
) -> None:
    rules = rules_of([rule(USED, threshold, f"{number}") for number, threshold in enumerate(at)])
    by_id = {f"{number}": threshold for number, threshold in enumerate(at)}
    alerts, raised, log = FamilyAlerts(), list[str](), list[str]()
    paid_in, stands = 0, 0
    for step, value in steps:
        if step == "used":
            assert value is not None
            stands = value
        elif step == "paid in":
            paid_in += 1
        elif step == "forget":  # the family is loaded anew: what was raised stands in its log
            alerts = FamilyAlerts(set(log))
        elif step == "rest":
            alerts = loads(dumps(alerts))
        now = level(stands, arming=f"100/{paid_in}")
        due = alerts.find(rules, [now], Speed.BALANCES)
        assert due == FamilyAlerts(set(log)).find(rules, [now], Speed.BALANCES)  # as from scratch
        holding = {id for id, threshold in by_id.items() if stands >= threshold}
        assert {one.rule_id for one in due} <= holding
        if step == "raise":
            for one in due:
                raised.append(one.id)
                log.append(one.id)
                alerts.note_raised(one.id)
            assert not alerts.find(rules, [now], Speed.BALANCES)
    assert len(raised) == len(set(raised))
    for number in range(paid_in + 1):
        ids = {alert_id(one, PREPAID, f"100/{number}") for one in rules.ladders[USED, None].rules}
        assert len(ids & set(raised)) <= len(at)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_a_rule_that_holds_stays_due_until_it_is_raised_and_goes_when_it_holds_no_more(heights: list[int]) -> None:
    rules, alerts = rules_of([rule(USED, 50, "half")]), FamilyAlerts()
    for height in heights:
        due = alerts.find(rules, [level(height)], Speed.BALANCES)
        assert bool(due) == (height >= 50)
    assert alerts.find(rules, [], Speed.BALANCES) == frozenset()


def test_ten_thousand_rules_cost_what_was_passed_and_not_what_there_are() -> None:
    """Counted, not timed: nothing is made again of what was passed before."""
    entities = [rule(USED, str(Decimal(number) / 100), f"{number}") for number in range(10_000)]
    rules, alerts = rules_of(entities), FamilyAlerts()
    first = alerts.find(rules, [level(50)], Speed.BALANCES)
    assert len(first) == 5_001
    for one in first:
        alerts.note_raised(one.id)
    assert not alerts.find(rules, [level(50)], Speed.BALANCES)
    just_above = Level(USED, PREPAID, ACME, height_of(USED, Decimal("50.03")), "100/0")
    assert sorted(one.rule_id for one in alerts.find(rules, [just_above], Speed.BALANCES)) == ["5001", "5002", "5003"]
    known = alerts._reached[Speed.BALANCES][USED, PREPAID, ""]
    assert len(known.due) == 3
