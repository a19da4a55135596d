"""By which names facts are known to rules that wait for something that happens."""

import json

import pytest

from events.codec import decode
from events.facts import FACTS
from events.resources.notifications import OF_FACTS, READY
from projections.alerts.happenings import names_of
from tests.readmodels.given import GOLDEN, golden


def test_a_ready_rule_waits_for_one_thing_and_a_rule_on_an_event_for_facts_that_there_are() -> None:
    assert len(READY) == len(set(READY))
    assert {type for types in OF_FACTS.values() for type in types} <= FACTS.keys()


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("BillOpened", {"alert.bill.pending"}),
        ("BillVoided", {"alert.bill.voided"}),
        ("CommitmentToppedUp", {"alert.funds.toppedup"}),
        ("CommitmentCancelled", {"alert.commitment.cancelled"}),
        ("CommitmentUpdated", {"alert.terms.amended"}),
        ("BalanceUpdated", {"alert.terms.amended"}),
        ("CommitmentCreated", set()),
        ("BillMoved", set()),
        ("AlertRaised", set()),
    ],
)
def test_names_of_facts(name: str, known_as: set[str]) -> None:
    assert set(names_of(golden(name)[0].data)) == known_as


def test_what_is_paid_into_a_balance_is_a_top_up_and_what_is_taken_out_is_not() -> None:
    document = json.loads((GOLDEN / "BalanceTransacted.json").read_text())
    for amount, known_as in (("5", {"alert.funds.toppedup"}), ("-5", set())):
        document["data"] |= {"amount": amount, "details": document["data"]["details"] | {"amount": amount}}
        assert set(names_of(decode(json.dumps(document).encode()).data)) == known_as


def test_an_issued_bill_is_one_with_a_true_up_if_any_of_its_lines_is() -> None:
    document = json.loads((GOLDEN / "BillIssued.json").read_text())
    for true_up, known_as in ((False, {"alert.bill.issued"}), (True, {"alert.bill.issued", "alert.bill.trueup"})):
        document["data"]["lines"][-1]["trueUp"] = true_up
        for line in document["data"]["lines"][:-1]:
            line["trueUp"] = False
        assert set(names_of(decode(json.dumps(document).encode()).data)) == known_as
