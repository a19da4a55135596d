"""Bounds of automatic top-ups, to the last time and the last cent (rules 12.2)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.facts.commitments import BalanceTransacted, CommitmentToppedUp
from events.resources.automation import AutomaticTopUp
from events.resources.balances import Balance, BalanceTransaction
from events.resources.commitments import Commitment
from projections.entities import BalanceEntity, CommitmentEntity, Entity, FundEntity
from services.commands.automation_rules import BoundReached, top_up_commands
from services.commands.messages import TopUpCommitment, TransactBalance

NOW = datetime(2026, 1, 20, tzinfo=UTC)
FUND, RULE, OTHER = "f" * 36, "r" * 36, "x" * 36
TERM = {"accountId": "a" * 36, "currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
JANUARY, FEBRUARY = date(2026, 1, 20), date(2026, 2, 1)
#: Day, amount, and the rule that paid it in; None: somebody did by hand.
Paid = tuple[date, Decimal, str | None]


def rule(kind: str, amount: Decimal = Decimal(30), **bounds: Any) -> Entity[AutomaticTopUp]:
    body = {"name": "R", "code": "refill", "accountId": "a" * 36, "currency": "USD", "threshold": 20, "amount": amount}
    parsed = AutomaticTopUp.model_validate(body | {f"{kind}Id": FUND} | bounds)
    return Entity(RULE, 1, parsed, 1, 1, NOW, NOW)


def fund(kind: str, paid: Sequence[Paid]) -> FundEntity:
    """A commitment or balance into which this was paid."""
    about: dict[str, Any] = {"id": FUND, "version": 1, "position": 1, "folded": 1, "created": NOW, "modified": NOW}
    if kind == "commitment":
        top_ups = tuple(
            CommitmentToppedUp(id=FUND, version=2, amount=amount, date=day, rule_id=by) for day, amount, by in paid
        )
        return CommitmentEntity(body=Commitment.model_validate(TERM | {"amount": 100}), top_ups=top_ups, **about)
    transactions = tuple(
        BalanceTransacted(
            id=FUND,
            version=2,
            transaction_id=f"{number}",
            amount=amount,
            date=day,
            details=BalanceTransaction.model_validate({"amount": amount}),
            rule_id=by,
        )
        for number, (day, amount, by) in enumerate(paid)
    )
    body = Balance.model_validate(TERM | {"name": "B", "code": "b"})
    return BalanceEntity(body=body, transactions=transactions, **about)


def pays(kind: str, paid: Sequence[Paid], day: date, amount: Decimal = Decimal(30), **bounds: Any) -> bool:
    """Whether the rule pays in once more on the day."""
    try:
        [command] = top_up_commands(rule(kind, amount, **bounds), fund(kind, paid), day, "act", NOW)
    except BoundReached:
        return False
    assert isinstance(command, TopUpCommitment | TransactBalance)
    return True


@pytest.mark.parametrize("kind", ["commitment", "balance"])
def test_the_last_time_and_the_last_cent_are_within_and_the_next_are_not(kind: str) -> None:
    own = [(JANUARY, Decimal(30), RULE)]
    assert pays(kind, own, JANUARY, maxTimes=2) and not pays(kind, own * 2, JANUARY, maxTimes=2)
    assert pays(kind, own, JANUARY, maxAmount=60) and not pays(kind, own, JANUARY, maxAmount="59.99")
    assert not pays(kind, own * 2, JANUARY, maxTimes=3, maxAmount=60), "both bounds hold"
    assert not pays(kind, own * 2, JANUARY, maxTimes=2, maxAmount=1000), "both bounds hold"


@pytest.mark.parametrize("kind", ["commitment", "balance"])
def test_only_what_the_rule_has_paid_in_in_the_days_month_is_counted(kind: str) -> None:
    others = [
        (JANUARY, Decimal(30), None),
        (JANUARY, Decimal(30), OTHER),
        (JANUARY.replace(year=2025), Decimal(30), RULE),
    ]
    own = [(JANUARY, Decimal(30), RULE)]
    bounds: list[dict[str, Any]] = [{"maxTimes": 1}, {"maxAmount": 30}]
    for bound in bounds:
        assert pays(kind, others, JANUARY, **bound)
        assert pays(kind, [*others, *own], FEBRUARY, **bound)
        assert not pays(kind, [*own, *others], JANUARY.replace(day=31), **bound)


@given(
    st.sampled_from(["commitment", "balance"]),
    st.lists(
        st.tuples(
            st.dates(date(2025, 12, 30), date(2026, 2, 2)),
            st.decimals("0.01", 100, places=2),
            st.sampled_from([RULE, RULE, OTHER, None]),
        ),
        max_size=8,
    ),
    st.dates(date(2025, 12, 30), date(2026, 2, 2)),
    st.decimals("0.01", 50, places=2),
    st.none() | st.integers(1, 5),
    st.none() | st.integers(50, 200),
)
def test_a_rule_pays_in_if_and_only_if_it_stays_within_both_bounds(
    kind: str, paid: list[Paid], day: date, amount: Decimal, times: int | None, most: int | None
) -> None:
    """Whatever order it was paid in, to the cent; counted here by text, in whole cents."""
    month = [int(one * 100) for at, one, by in paid if by == RULE and str(at)[:7] == str(day)[:7]]
    within = (times is None or len(month) + 1 <= times) and (
        most is None or sum(month) + int(amount * 100) <= most * 100
    )
    bounds = {name: bound for name, bound in (("maxTimes", times), ("maxAmount", most)) if bound is not None}
    assert pays(kind, paid, day, amount, **bounds) is within
    assert pays(kind, list(reversed(paid)), day, amount, **bounds) is within
