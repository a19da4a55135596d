"""The levels of a family's commitments and balances, which rules compare with thresholds, and the arming of each level.

An arming is a text that usage never changes, however late it comes. For prepayments and balances it is the agreed
amount and the number of payments, for a term its end, for a minimum its running period. So late data may move a level
down and up again any number of times.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from events.decimals import plain
from events.resources.automation import BILL, TOP_UP
from events.resources.notifications import AT_RISK, ENDS, EXHAUSTED, LEFT, LEVELS, REACHED, RUNS_OUT, USED
from projections.alerts.rules import SO, Rules, account_in, height_of, percentage
from projections.calendar import ONE_DAY
from projections.outlook.outlook import Outlook
from projections.resources import Resources
from projections.settlement.agreements import Fund
from projections.settlement.billed import Billed
from projections.settlement.drafts import DraftBill
from projections.settlement.minimums import Minimum
from projections.settlement.settled import Settlement
from projections.settlement.states import AgreementState

#: The window of days for the pace of forecasts; the console shows the same window first.
PACE_DAYS = 30
_IN_TERM = ("ACTIVE", "EXHAUSTED")
#: What rules wait for: on any agreement, and on the left or used amount of funds.
EVERY, _OF_FUNDS = frozenset((*LEVELS, TOP_UP, BILL)), frozenset((USED, LEFT, EXHAUSTED))
_BILLS = frozenset((BILL,))
#: What rules wait for on forecasts: `expected_levels`.
EXPECTED = frozenset((RUNS_OUT, AT_RISK))


class Level(NamedTuple):
    """The current value that rules of `event_name` compare; `day` is the day that an alert is about.

    `whose`: the subject of automatic rules; for other rules the account.
    """

    event_name: str
    subject_id: str
    account_id: str
    height: int
    arming: str
    day: date | None = None
    whose: str = ""


def settled_levels(settlement: Settlement, own: Resources, names: frozenset[str] = EVERY) -> Iterator[Level]:
    """The levels as of the settlement's day for rules of these names; `own` are the family's commitments and
    balances.
    """
    if names == _BILLS:
        return
    states, through = settlement.states(), settlement.through
    for fund in settlement.terms.funds:
        state = states[fund.id]
        if state.status in _IN_TERM:
            arming = armed(fund, own, through)
            if not names.isdisjoint(_OF_FUNDS):
                yield from _of_fund(fund, state, arming)
            if TOP_UP in names:
                yield top_up_level(fund, state, arming, through)
            if ENDS in names and state.amount_remaining > 0:
                yield _ends(fund, through)
    for minimum in settlement.terms.minimums:
        state = states[minimum.id]
        if state.status in _IN_TERM:
            yield from _of_minimum(minimum, state, through)
            yield _ends(minimum, through)


def expected_levels(outlooks: Iterable[Outlook], settlement: Settlement, own: Resources) -> Iterator[Level]:
    """The levels that are forecast at the pace of the last PACE_DAYS days."""
    funds = {fund.id: fund for fund in settlement.terms.funds}
    for outlook in outlooks:
        expected = next(estimate for estimate in outlook.expected if estimate.window == PACE_DAYS)
        if outlook.kind == "MINIMUM":
            if expected.at_stake > 0:
                height = height_of(AT_RISK, (outlook.until + ONE_DAY - outlook.as_of).days)
                arming = outlook.until.isoformat()
                yield Level(AT_RISK, outlook.id, outlook.account_id, height, arming, outlook.until + ONE_DAY)
        elif expected.day is not None and outlook.left > 0:
            arming = armed(funds[outlook.id], own, outlook.as_of)
            yield Level(RUNS_OUT, outlook.id, outlook.account_id, SO, arming, expected.day)


def top_up_level(fund: Fund, state: AgreementState, arming: str, through: date) -> Level:
    """The amount left, for automatic top-ups. Each top-up pays in and so arms the next one. A new month arms it as
    well, because it may have room for a top-up that was refused in this month.
    """
    height = height_of(TOP_UP, state.amount_remaining)
    return Level(TOP_UP, fund.id, fund.account.id, height, f"{arming}/{through:%Y-%m}", through, fund.id)


def unbilled_levels(drafts: Iterable[DraftBill], billed: Billed, rules: Rules) -> Iterator[Level]:
    """The unbilled amount of each account and currency that a rule names. The family's bills are gone through once."""
    named = [
        (draft, whose) for draft in drafts if rules.of(BILL, whose := account_in(draft.account_id, draft.currency))
    ]
    if not named:
        return
    last = {account_in(bill.account_id, bill.currency): bill.bill_id for bill in billed.bills.values()}
    pending = {account_in(bill.account_id, bill.currency): bill.bill_id for bill in billed.pending.values()}
    for draft, whose in named:
        account, arming = draft.account_id, _armed_to_bill(last.get(whose, ""), pending.get(whose))
        yield Level(BILL, account, account, height_of(BILL, draft.total), arming, draft.bill_date, whose)


def armed_to_bill(billed: Billed, account_id: str, currency: str) -> str:
    """The arming of threshold billing: the account's last bill in the currency, and the pending bill beside it.

    The next bill arms the rule again, and a voided bill does not. A refusal because of a pending bill has that bill's
    arming, so the rule is due again when the pending bill is gone.
    """
    pending = billed.pending_of(account_id).get(currency)
    last = billed.latest_bill(account_id, currency)
    return _armed_to_bill(last, None if pending is None else pending.bill_id)


def _armed_to_bill(last: str, pending: str | None) -> str:
    return last if pending is None else f"{last}/{pending}"


def armed(fund: Fund, own: Resources, through: date) -> str:
    """The arming of a fund: the agreed amount, and the number of payments.

    A top-up arms every rule of the fund again, and so does an amendment of its amount. If the amount was agreed before,
    the arming also says how often.
    """
    scheduled = sum(series.days.by(through) for series in fund.paid_in.top_ups)
    commitment = own.commitments.get(fund.id)
    if commitment is not None:
        amount = commitment.body.amount
        before = commitment.amounts.count(amount)
        return f"{plain(amount)}/{len(commitment.top_ups) + scheduled}" + (f"/{before}" if before else "")
    paid_in = sum(transaction.amount > 0 for transaction in own.balances[fund.id].transactions)
    return f"0/{paid_in + scheduled}"


def _of_fund(fund: Fund, state: AgreementState, arming: str) -> Iterator[Level]:
    total = state.amount + state.top_ups
    if total <= 0:
        return
    account = fund.account.id
    yield Level(USED, fund.id, account, percentage(state.amount_spent, total), arming)
    yield Level(LEFT, fund.id, account, height_of(LEFT, state.amount_remaining), arming)
    if state.amount_remaining <= 0:
        yield Level(EXHAUSTED, fund.id, account, SO, arming)


def _of_minimum(minimum: Minimum, state: AgreementState, through: date) -> Iterator[Level]:
    for period in state.periods:
        if period.start_date <= through < period.end_date and period.amount > 0 and not period.waived:
            height, arming = percentage(period.counted, period.amount), period.start_date.isoformat()
            yield Level(REACHED, minimum.id, minimum.account.id, height, arming, period.end_date)


def _ends(agreement: Fund | Minimum, through: date) -> Level:
    end = agreement.end
    return Level(ENDS, agreement.id, agreement.account.id, height_of(ENDS, (end - through).days), end.isoformat(), end)
