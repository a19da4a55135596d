"""What rules find in a page of events is bounded, and an event that fails stops nothing but itself."""

from collections.abc import Sequence
from typing import Any

import pytest

from events.codec import NewerRecordError
from events.resources.notifications import NotificationConfiguration
from projections.entities import Entity
from services.alerts import finding
from services.alerts.finding import FACTS, Page, found_in
from services.alerts.matching import Event, Rule
from services.store.happened import Happened, History
from tests.readmodels.given import AT, golden

NAME = "configuration.product.created"
PRODUCT, _ = golden("ProductCreated")


def rules(count: int, calculation: str | None = None) -> list[Rule]:
    made = list[Rule]()
    for number in range(count):
        id = f"{'if' if calculation else 'always'}-{number}"
        body = {"name": id, "code": id, "description": "", "eventName": NAME, "alwaysFireEvent": not calculation}
        model = NotificationConfiguration.model_validate(body | {"calculation": calculation})
        made.append(Entity(id, 1, model, 0, 0, AT, AT))
    return made


def event(position: int) -> Event:
    return Event(PRODUCT.model_copy(update={"sequence": position, "account": None}), str(position), frozenset({NAME}))


def page(of_rules: Sequence[Rule], positions: Sequence[int], *, is_full: bool = False) -> Page:
    """Each event is about a resource of its own."""
    rows = [{"stream": f"product-{position}", "position": position} for position in positions]
    history = History("org", rows, frozenset(positions))
    return Page(of_rules, list(map(event, positions)), {}, history, is_full)


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> dict[int, Exception]:
    """By position: what following its resource raises."""
    raised = dict[int, Exception]()

    def happened(history: History, _: str) -> list[Happened]:
        for row in history.rows:
            if row["position"] in raised:
                raise raised[row["position"]]
        sides: Any = {"before": None, "after": "product"}
        return [Happened("id", event(row["position"]).envelope, **sides) for row in history.rows]

    monkeypatch.setattr(finding, "happened", happened)
    return raised


def shown(_: Any) -> dict[str, Any]:
    return {"name": "yes"}


def found_of(some: finding.Found) -> list[tuple[str, str]]:
    return [(rule.id, event.id) for rule, event in some.due]


HOLDS = "new.name == 'yes'"


def test_no_further_event_is_looked_at_once_a_transaction_is_full() -> None:
    found = found_in(page(rules(FACTS // 2), [1, 2, 3]), "", shown)
    assert (len(found.due), found.last, found.has_more) == (FACTS, 2, True)
    found = found_in(page(rules(3 * FACTS), [1, 2, 3], is_full=True), "", shown)
    assert (len(found.due), found.last, found.has_more) == (3 * FACTS, 1, True), "an event is looked at whole"


@pytest.mark.parametrize("is_full", [False, True])
def test_a_page_that_is_gone_through_says_whether_more_has_happened(is_full: bool) -> None:
    found = found_in(page(rules(1), [1, 2], is_full=is_full), "", shown)
    assert (found_of(found), found.last, found.has_more) == ([("always-0", "1"), ("always-0", "2")], 2, is_full)


def test_an_event_whose_resource_cannot_be_followed_is_passed_over(broken: dict[int, Exception]) -> None:
    broken[2] = AssertionError("a law does not hold")
    found = found_in(page([*rules(2, HOLDS), *rules(1)], [1, 2, 3]), "", shown)
    assert [one for one in found_of(found) if one[0] != "always-0"] == [
        (f"if-{number}", at) for at in ("1", "3") for number in range(2)
    ]
    assert [at for id, at in found_of(found) if id == "always-0"] == ["1", "2", "3"], "it depends on nothing of them"
    assert (found.last, found.has_more) == (3, False)
    assert {at: (failure.rules, failure.error) for at, failure in found.passed_over.items()} == {
        2: (["if-0", "if-1"], broken[2])
    }


def test_an_event_that_no_rule_has_a_condition_on_needs_no_document(broken: dict[int, Exception]) -> None:
    broken[1] = AssertionError("a law does not hold")
    found = found_in(page(rules(1), [1, 2]), "", shown)
    assert found_of(found) == [("always-0", "1"), ("always-0", "2")] and not found.failed


def test_the_newest_event_is_not_passed_over_before_a_later_one_did_not_fail(broken: dict[int, Exception]) -> None:
    broken[2] = AssertionError("a law does not hold")
    found = found_in(page(rules(1, HOLDS), [1, 2]), "", shown)
    assert (found.last, found.has_more, found.passed_over, set(found.failed)) == (1, True, {}, {2})
    found = found_in(page([*rules(1, HOLDS), *rules(1)], [2]), "", shown)
    assert found.last is None and found_of(found) == [("always-0", "2")] and not found.passed_over


def test_an_event_that_fails_and_fills_a_transaction_does_not_end_the_page(broken: dict[int, Exception]) -> None:
    broken[1] = AssertionError("a law does not hold")
    found = found_in(page([*rules(FACTS), *rules(1, HOLDS)], [1, 2, 3]), "", shown)
    assert (found.last, set(found.passed_over)) == (2, {1})


def test_what_cannot_be_shown_and_what_a_condition_raises_are_of_that_event() -> None:
    def one_is_not_shown(_: Any) -> dict[str, Any]:
        asked.append(0)
        if len(asked) == 1:
            raise KeyError("a field")
        return {"name": "yes"}

    asked = list[int]()
    found = found_in(page(rules(1, HOLDS), [1, 2]), "", one_is_not_shown)
    assert found_of(found) == [("if-0", "2")] and set(found.passed_over) == {1}


def test_what_only_a_newer_process_understands_is_passed_over_by_nobody(broken: dict[int, Exception]) -> None:
    broken[1] = NewerRecordError("unknown fact type")
    with pytest.raises(NewerRecordError):
        found_in(page(rules(1, HOLDS), [1, 2]), "", shown)
