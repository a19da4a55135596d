"""Checks of automatic rules (rules 12), and the commands of a top-up.

The act of an automatic rule is a command like any other, and may be refused like any other.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from uuid import uuid5

from events.absent import only_given
from events.decimals import EXACT, plain
from events.envelope import NAMESPACE
from events.facts.commitments import BalanceTransacted, CommitmentToppedUp
from events.resources.automation import AutomaticTopUp
from events.resources.balances import BalanceTransaction
from events.resources.charges import AccountCharge
from projections.entities import BalanceEntity, CommitmentEntity, Entity, FundEntity
from projections.resources import Resources
from services.commands.checks import check_precision
from services.commands.messages import ByRule, Command, CreateResource, TopUpCommitment, TransactBalance
from services.commands.refused import CommandError, InvalidField

#: Characters of a rule's code within the code of its fees.
_CODE_MAX = 60


class BoundReached(CommandError):
    """{bound}: in {month} the rule has paid in {times} times, {amount} in sum; once more is over its bound of {most}"""


def check_top_up(resources: Resources, body: AutomaticTopUp) -> None:
    """Check that it tops up the account's own commitment or balance, in its currency, by payable amounts, at least once
    a month.
    """
    field = "commitmentId" if body.commitment_id else "balanceId"
    fund = resources.commitments.get(body.subject_id) or resources.balances[body.subject_id]
    if fund.body.account_id != body.account_id:
        raise InvalidField(field=field, rule="must name one of the account")
    if isinstance(fund, CommitmentEntity) and fund.body.kind == "MINIMUM":
        raise InvalidField(field=field, rule="must name a prepayment: of a minimum nothing is left or used up")
    _check_currency(body, fund)
    for name, amount in (("amount", body.amount), ("maxAmount", body.max_amount)):
        check_precision(name, amount, body.currency)
    if body.max_amount is not None and body.max_amount < body.amount:
        raise InvalidField(field="maxAmount", rule="must not be less than amount, or nothing is ever paid in")


def _check_currency(body: AutomaticTopUp, fund: FundEntity) -> None:
    if fund.body.currency != body.currency:
        raise InvalidField(field="currency", rule=f"must be {fund.body.currency}, that of what is topped up")


def top_up_commands(
    rule: Entity[AutomaticTopUp], fund: FundEntity, day: date, act_id: str, now: datetime
) -> list[Command]:
    """The commands for the rule's commitment or balance on a day of the account's zone.

    `act_id` identifies the act: ids of everything it makes follow from it, whichever process makes it. Raises:
    BoundReached, InvalidField for another currency than the rule's, TooFineAmount.
    """
    body, by = rule.body, ByRule(rule.id, rule.body.code)
    _check_currency(body, fund)
    check_precision("amount", body.amount, fund.body.currency)
    _check_bounds(rule, fund, day)
    if isinstance(fund, CommitmentEntity):
        return [TopUpCommitment(fund.id, body.amount, day, False, fund.version, now, by)]
    details = {"amount": body.amount, "transaction_date": day, "description": body.name}
    if body.transaction_type_id is not None:
        details["transaction_type_id"] = body.transaction_type_id
    transaction = BalanceTransaction.model_validate(details)
    commands: list[Command] = [TransactBalance(fund.id, transaction, _made_by(act_id, "transaction"), now, by)]
    if body.charge_description is not None:
        commands.append(CreateResource("charge", _made_by(act_id, "charge"), _fee(rule, fund, day, act_id), now))
    return commands


def _check_bounds(rule: Entity[AutomaticTopUp], fund: FundEntity, day: date) -> None:
    """Check the rule's limits for the calendar month of the day; only its own top-ups count."""
    body, facts = rule.body, fund.top_ups if isinstance(fund, CommitmentEntity) else fund.transactions
    times, amount = paid_in(facts, rule.id, day)
    said = {"month": f"{day:%Y-%m}", "times": times, "amount": plain(amount)}
    if body.max_times is not None and times >= body.max_times:
        raise BoundReached(bound="maxTimes", most=body.max_times, **said)
    if body.max_amount is not None and amount + body.amount > body.max_amount:
        raise BoundReached(bound="maxAmount", most=plain(body.max_amount), **said)


def paid_in(facts: Iterable[CommitmentToppedUp | BalanceTransacted], rule_id: str, day: date) -> tuple[int, Decimal]:
    """The number and sum of a rule's top-ups in the calendar month of the day."""
    amounts = [
        fact.amount
        for fact in facts
        if fact.rule_id == rule_id and (fact.date.year, fact.date.month) == (day.year, day.month)
    ]
    with localcontext(EXACT):
        return len(amounts), sum(amounts, Decimal(0))


def _made_by(act_id: str, what: str) -> str:
    return str(uuid5(NAMESPACE, f"automatic/{act_id}/{what}"))


def _fee(rule: Entity[AutomaticTopUp], balance: BalanceEntity, day: date, act_id: str) -> AccountCharge:
    """The fee that bills a top-up of a balance, due at once."""
    body = {
        "account_id": balance.body.account_id,
        "code": f"{rule.body.code[:_CODE_MAX]}-{act_id[:8]}",
        "name": rule.body.name,
        "description": rule.body.charge_description,
        "currency": balance.body.currency,
        "amount": rule.body.amount,
        "entity_type": "BALANCE",
        "entity_id": balance.id,
        "line_item_type": "BALANCE_FEE",
        "service_period_start_date": day,
        "service_period_end_date": day + timedelta(days=1),
        "bill_date": day,
        "notes": f"by automatic rule {rule.body.code}",
    }
    more = {
        "contract_id": balance.body.contract_id,
        "accounting_product_id": balance.body.fees_accounting_product_id,
    }
    return AccountCharge.model_validate(body | only_given(more))
