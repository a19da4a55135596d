"""What remains of fees is what bills to come charge of them, whatever was billed and changed before (rules 6.20)."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from projections.settlement import Family, draft_bills
from projections.settlement.obligations import obligations
from services.simulate.player import RefusedError
from tests.settlement.playing import accounts_of, family_of, play_terms, play_text
from tests.settlement.stories import DAYS, LAST, START, Random, days, families
from tests.settlement.test_laws import laws

NEVER = LAST + timedelta(days=4000)


def summed(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """By currency, without zeros."""
    owed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        owed[currency] += amount
    return {currency: amount for currency, amount in owed.items() if amount}


def billed_at(family: Family, day: date) -> dict[str, Decimal]:
    """What bills for the day would charge of fees of prepayments, or give back of those that there were."""
    minimums = {minimum.id for minimum in family.terms.minimums}
    return summed(
        (draft.currency, line.amount)
        for draft in draft_bills(family, date=day)
        for line in draft.lines
        if line.key.type == "COMMITMENT_FEE" and line.key.agreement_id not in minimums
    )


def due_until(family: Family, day: date, today: date) -> dict[str, Decimal]:
    return summed(
        (obligation.currency, obligation.amount) for obligation in obligations(family, today) if obligation.due <= day
    )


@laws
@given(st.data(), families())
def test_what_is_due_until_a_day_is_what_its_bill_charges(data: st.DataObject, family: Random) -> None:
    player, today = play_terms(family), START
    for _ in range(data.draw(st.integers(0, 2))):
        today = max(today, data.draw(days(0, DAYS)))
        player.bill(today, data.draw(st.sampled_from([None, *accounts_of(family)])))
        for code in [commitment["code"] for commitment in family.lists["commitments"]]:
            with suppress(RefusedError):
                match data.draw(st.sampled_from(["keep", "amount", "currency", "delete"])):
                    case "amount":
                        player.update("commitment", code, {"amount": Decimal(data.draw(st.integers(1, 400)))}, None)
                    case "currency":
                        player.update("commitment", code, {"currency": "EUR"}, None)
                    case "delete":
                        player.delete("commitment", code, True)
    account_family = family_of(player)
    for day in (today, today + timedelta(days=data.draw(st.integers(0, 60))), NEVER):
        assert due_until(account_family, day, today) == billed_at(account_family, day)
    player.bill(NEVER, None)
    assert not due_until(family_of(player), NEVER, today)


@laws
@given(families())
def test_of_chosen_accounts_there_is_what_is_theirs(family: Random) -> None:
    account_family = family_of(play_terms(family))
    whole = list(obligations(account_family, START))
    for account in account_family.terms.accounts:
        assert list(obligations(account_family, START, {account})) == [
            obligation for obligation in whole if obligation.account_id == account
        ]


def test_what_was_billed_before_it_became_a_minimum_is_given_back() -> None:
    player = play_text(STORY)
    player.update("commitment", "c", {"commitmentType": "MINIMUM", "feeDates": None}, None)
    family = family_of(player)
    [draft] = draft_bills(family, date=START)
    assert due_until(family, NEVER, START) == {draft.currency: draft.total} == {"USD": Decimal(-100)}


#: What is billed of the commitment has a key that a minimum's true-up would have, too.
STORY = """
accounts:
  - {code: acme}
commitments:
  - code: c
    account: acme
    amount: 100
    startDate: 2026-01-01
    endDate: 2027-01-01
    feeDates: [{date: 2026-01-01, amount: 100, servicePeriodStartDate: 2026-01-01, servicePeriodEndDate: 2027-01-01}]
steps:
  - bill: {date: 2026-01-01}
"""
