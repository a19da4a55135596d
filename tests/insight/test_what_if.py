"""What if: terms that are only supposed bill as the same terms do once they are commanded."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from events.envelope import seal
from projections.settlement import DraftBill, Family, compare_bills, draft_bills
from services.commands.bodies import effective_date_of, parse_body
from services.commands.decide import decide
from services.commands.errors import AlreadyCancelled, CommandError, InvalidBody, UnknownResource
from services.commands.messages import UpdateResource
from services.commands.table import KINDS
from services.commands.what_if import SUPPOSABLE, supposed_family
from services.simulate.entities import Entities
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from tests.settlement.playing import accounts_of, family_of, play_terms
from tests.settlement.stories import LAST, START, Random, days, families, usage

laws = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
END = LAST + timedelta(days=70)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def suppose(player: MemoryPlayer, commitments: list[Any], pricings: list[Any]) -> Family:
    return suppose_all(player, commitments=commitments, pricings=pricings)


def suppose_all(player: MemoryPlayer, **supposed: list[Any]) -> Family:
    return supposed_family(family_of(player), player.resources, supposed, NOW)


def wire(entity: Any, **changes: Any) -> dict[str, Any]:
    return entity.body.model_dump(by_alias=True, exclude_unset=True) | {"id": entity.id} | changes


def shown(drafts: list[DraftBill]) -> Any:
    """What is on the bills. Lines of one day stand in the order of ids, which a supposed resource has others of."""
    return [
        (draft.account_id, draft.currency, draft.total, sorted((_line(line) for line in draft.lines), key=repr))
        for draft in drafts
    ]


def _line(line: Any) -> Any:
    named = {name: value for name, value in line.wording.items() if name not in ("commitment_id", "pricing_id")}
    return line.type, line.amount, line.quantity, line.units, named


def played(data: st.DataObject, family: Random) -> MemoryPlayer:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=1, max_size=10)):
        player.usage(record)
    player.bill(data.draw(days(0, 60)), None)
    return player


@laws
@given(st.data(), families())
def test_a_preview_of_the_close_is_the_bill(data: st.DataObject, family: Random) -> None:
    """Whatever was billed before, true-ups and differences included; supposing what holds already changes nothing."""
    player = played(data, family)
    day = data.draw(days(30))
    same = [wire(one) for one in player.resources.commitments.values() if one.cancellation is None]
    prices = [wire(one) for one in player.resources.pricings.values()]
    before = [player.preview(code, day) for code in accounts_of(family)]
    assert shown(draft_bills(suppose(player, same, prices), date=day)) == shown(
        draft_bills(family_of(player), date=day)
    )
    bills = player.bill(day, None)
    assert sorted((one for many in before for one in many), key=repr) == sorted(bills, key=repr)


@laws
@given(st.data(), families(), st.integers(1, 400))
def test_an_amended_commitment_bills_as_supposed(data: st.DataObject, family: Random, amount: int) -> None:
    player = played(data, family)
    held = player.resources.commitments.get(id_of("commitment", "commitment-0"))
    assume(held is not None and held.cancellation is None)
    assert held is not None
    assume(not held.body.amount_pre_paid)
    supposed = shown(draft_bills(suppose(player, [wire(held, amount=amount)], []), date=END))
    before = shown(draft_bills(family_of(player), date=END))
    player.update("commitment", "commitment-0", {"amount": Decimal(amount)})
    assert shown(draft_bills(family_of(player), date=END)) == supposed
    assert held.body.amount != amount or supposed == before


@laws
@given(st.data(), families(), st.integers(0, 9))
def test_a_new_price_and_a_new_commitment_bill_as_supposed(data: st.DataObject, family: Random, price: int) -> None:
    player = played(data, family)
    first = next(iter(player.resources.pricings.values()))
    bands = [{"lowerLimit": 0, "unitPrice": price, "fixedPrice": 0}]
    fields = {"pricingBands": bands, "startDate": "2026-02-01", "cumulative": True, "code": "supposed"}
    pricing = {"planId": first.body.plan_id, "aggregationId": first.body.aggregation_id, **fields}
    term = {
        "amount": 50,
        "startDate": "2026-01-10",
        "endDate": "2026-04-10",
        "currency": family.organization["currency"],
    }
    commitment = {"accountId": id_of("account", "acme"), "code": "supposed", **term}
    supposed = shown(draft_bills(suppose(player, [commitment], [pricing]), date=END))
    plan = next(code for code in ("plan-0", "plan-1") if id_of("plan", code) == first.body.plan_id)
    aggregation = player.resources.aggregations[first.body.priced_id].body.code
    lists: dict[str, Any] = {
        "pricings": [_lined({"plan": plan, "aggregation": aggregation, **fields})],
        "commitments": [_lined({"account": "acme", "code": "supposed", **term})],
    }
    for document in Entities(family.organization["currency"], START).documents(lists):
        player.create(document)
    assert shown(draft_bills(family_of(player), date=END)) == supposed


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


def _lined(fields: dict[str, Any]) -> Any:
    from services.simulate.yaml_lines import Mapping

    found = Mapping(1)
    found.update(fields)
    return found


def world() -> MemoryPlayer:
    lists = {
        "meters": [{"code": "m", "dataFields": [{"code": "q", "category": "MEASURE"}]}],
        "aggregations": [{"code": "units", "meter": "m", "targetField": "q"}],
        "plans": [
            {
                "code": "basic",
                "product": "p",
                "pricings": [{"aggregation": "units", "pricingBands": [{"unitPrice": 1}]}],
            }
        ],
        "accounts": [{"code": "acme", "plans": [{"plan": "basic", "startDate": "2026-01-01"}]}],
        "commitments": [
            {"code": "one", "account": "acme", "amount": 10, "startDate": "2026-01-01", "endDate": "2027-01-01"}
        ],
    }
    import json

    from services.simulate.story import parse_story
    from services.simulate.yaml_lines import load_yaml

    player = MemoryPlayer()
    story = parse_story(
        load_yaml(json.dumps({"scenario": "a world", **lists, "steps": [{"bill": {"date": "2026-02-01"}}]}))
    )
    player.configure(story.organization)
    for document in story.documents:
        player.create(document)
    return player


def test_what_is_supposed_is_checked_as_commands_are() -> None:
    player = world()
    held = player.resources.commitments[id_of("commitment", "one")]
    with pytest.raises(InvalidBody, match=r"commitments\[0\]: .*amount"):
        suppose(player, [wire(held, amount=-1)], [])
    with pytest.raises(InvalidBody, match=r"commitments\[1\]: .*nonsense"):
        suppose(player, [wire(held), wire(held, nonsense=1)], [])
    with pytest.raises(InvalidBody, match=r"pricings\[0\]"):
        suppose(player, [], [3])
    with pytest.raises(UnknownResource):
        suppose(player, [wire(held, id="nobody")], [])
    with pytest.raises(InvalidBody, match=r"commitments\[0\]: billingPlanId: there is no plan with id nowhere"):
        suppose(player, [wire(held, billingPlanId="nowhere")], [])
    player.cancel("one", START, None)
    with pytest.raises(AlreadyCancelled):
        suppose(player, [wire(held)], [])


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


def test_nothing_is_stored() -> None:
    player = world()
    before = {kind: dict(kind.held(player.resources)) for kind in KINDS.values()}
    held = player.resources.commitments[id_of("commitment", "one")]
    [plan], [attached] = player.resources.plans.values(), player.resources.account_plans.values()
    more = {"plans": [wire(plan, standingCharge=30)], "accountPlans": [wire(attached, endDate="2026-06-01")]}
    suppose_all(player, commitments=[wire(held, amount=99), {**wire(held), "id": None, "code": "two"}], **more)
    assert {kind: kind.held(player.resources) for kind in KINDS.values()} == before


@laws
@given(st.data(), families(), st.integers(1, 400))
def test_bills_side_by_side_differ_by_what_their_totals_and_lines_do(
    data: st.DataObject, family: Random, amount: int
) -> None:
    """Every line of either side stands there once, and the differences of lines add up to the bill's."""
    player = played(data, family)
    held = player.resources.commitments.get(id_of("commitment", "commitment-0"))
    assume(held is not None and held.cancellation is None and not held.body.amount_pre_paid)
    changed = suppose(player, [wire(held, amount=amount)], [])
    for account in family_of(player).terms.accounts:
        today = draft_bills(family_of(player), date=END, account_id=account)
        supposed = draft_bills(changed, date=END, account_id=account)
        for compared in compare_bills(today, supposed):
            was, becomes, difference = compared.amounts
            assert difference == becomes - was == sum(line.amounts[2] for line in compared.lines)
            for side, lines in (
                (today, [line.today for line in compared.lines]),
                (supposed, [line.supposed for line in compared.lines]),
            ):
                on_bills = [line for draft in side if draft.currency == compared.currency for line in draft.lines]
                assert sorted(map(repr, on_bills)) == sorted(repr(line) for line in lines if line is not None)
            assert all(line.line in (line.today, line.supposed) for line in compared.lines)
        assert not any(bill.amounts[2] for bill in compare_bills(today, today))


def test_what_stands_on_one_side_only_is_compared_with_nothing() -> None:
    player = world()
    free = draft_bills(suppose(player, [], []), date=date(2026, 2, 1))
    fee = {"code": "two", "accountId": id_of("account", "acme"), "amount": 5, "currency": "USD",
           "startDate": "2026-01-01", "endDate": "2026-02-01", "feeDates": [
               {"date": "2026-01-15", "amount": 5, "servicePeriodStartDate": "2026-01-01T00:00:00Z",
                "servicePeriodEndDate": "2026-02-01T00:00:00Z"}]}  # fmt: skip
    billed = draft_bills(suppose(player, [fee], []), date=date(2026, 2, 1))
    [gained] = compare_bills(free, billed)
    assert gained.currency == "USD" and gained.amounts == (0, 5, 5) and gained.lines[-1].today is None
    [lost] = compare_bills(billed, free)
    assert lost.amounts == (5, 0, -5) and lost.lines[-1].supposed is None and lost.lines[-1].line.amount == 5
    assert compare_bills(free, free) == []
