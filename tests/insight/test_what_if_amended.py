"""What if anything that may be supposed were amended: it bills, and is refused, as a command is."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from events.envelope import seal
from projections.settlement import draft_bills
from services.commands.bodies import effective_date_of, parse_body
from services.commands.decide import decide
from services.commands.messages import UpdateResource
from services.commands.refused import CommandError, InvalidBody
from services.commands.supposed import SUPPOSABLE
from services.simulate.naming import id_of
from tests.insight.supposing import END, NOW, laws, played, shown, suppose_all, wire, world
from tests.settlement.playing import family_of
from tests.settlement.stories import Random, families

#: What is changed of one of each kind, as its PUT takes it.
CHANGES: dict[str, dict[str, Any]] = {
    "planTemplates": {"standingCharge": 17, "minimumSpend": None, "effectiveDate": "2026-02-01"},
    "plans": {"standingCharge": 5, "minimumSpend": 90, "effectiveDate": "2026-02-01"},
    "pricings": {"pricingBands": [{"lowerLimit": 0, "unitPrice": 3, "fixedPrice": 1}], "endDate": "2026-03-01"},
    "accountPlans": {"endDate": "2026-02-20"},
    "commitments": {"endDate": "2026-03-10", "priority": 1},
    "balances": {"endDate": "2026-02-10", "overageSurchargePercent": 7},
}


@laws
@given(st.data(), families(), st.sampled_from(sorted(CHANGES)))
def test_what_was_amended_bills_as_supposed(data: st.DataObject, family: Random, name: str) -> None:
    """Whatever may be supposed, and from when on: the command is the same one, given afterwards."""
    player, kind = played(data, family), SUPPOSABLE[name]
    every = sorted(kind.held(player.resources).values(), key=lambda one: one.id)
    assume(every)
    document = wire(data.draw(st.sampled_from(every)), **CHANGES[name])
    try:
        supposed = shown(draft_bills(suppose_all(player, **{name: [document]}), date=END))
    except CommandError:
        assume(False)
    rest, effective = effective_date_of(document) if "effectiveDate" in document else (document, None)
    current = kind.held(player.resources)[rest["id"]]
    command = UpdateResource(kind.name, current.id, parse_body(kind.name, rest), current.version, NOW, effective)
    for fact in decide(player.resources, command, 1):
        envelope = seal(fact, source="later", sequence=10**9, organization=player.resources.organization, time=NOW)
        player.resources.evolve(envelope)
        player.index.evolve(envelope)
    assert shown(draft_bills(family_of(player), date=END)) == supposed


def test_a_refusal_says_of_which_document_and_field_it_is() -> None:
    player = world()
    [plan], [attached] = player.resources.plans.values(), player.resources.account_plans.values()
    held = player.resources.commitments[id_of("commitment", "one")]
    for name, document, said in (
        ("commitments", wire(held, amount=Decimal("10.001")), "amount: 10.001 is finer than the minor unit of USD"),
        ("commitments", wire(held, endDate="2025-01-01"), "endDate: must not be before startDate"),
        ("commitments", wire(held, productIds=["none"]), "productIds[0]: must have at least 36"),
        ("plans", wire(plan, standingCharge=-1), "standingCharge: must be "),
        ("plans", wire(plan, effectiveDate="soon"), "effectiveDate: "),
        ("planTemplates", wire(plan), "planTemplateId: "),
        ("accountPlans", wire(attached, id=None, startDate="2026-05-01"), "startDate: account plan"),
        ("accountPlans", wire(attached, endDate="2025-12-31"), "endDate: must not be before startDate"),
        ("balances", wire(held, id=None), "name: "),
    ):
        with pytest.raises(InvalidBody) as refused:
            suppose_all(player, **{name: [document]})
        assert str(refused.value).startswith(f"{name}[0]: ") and said in str(refused.value), str(refused.value)
    with pytest.raises(InvalidBody, match="effectiveDate: goes with the id"):
        suppose_all(player, plans=[wire(plan, id=None, code="new", effectiveDate="2026-02-01")])


def test_a_standing_charge_is_supposed_from_a_day_on() -> None:
    """As its PUT is (rules 8.8): without a day for the periods that begin from now on."""
    player = world()
    [plan] = player.resources.plans.values()

    def charged(**changes: Any) -> list[tuple[date, Decimal]]:
        supposed = suppose_all(player, plans=[wire(plan, standingCharge=30, **changes)])
        lines = [line for draft in draft_bills(supposed, date=date(2026, 5, 1)) for line in draft.lines]
        return [(line.wording["period_start"], line.amount) for line in lines if line.type == "STANDING_CHARGE"]

    assert charged() == []
    march, april = (date(2026, month, 1) for month in (3, 4))
    assert charged(effectiveDate="2026-02-20") == [(march, Decimal(30)), (april, Decimal(30))]
