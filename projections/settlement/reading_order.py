"""The order of the lines on a bill."""

from collections.abc import Callable
from typing import Any

from projections.line_types import READING_PLACE
from projections.settlement.drafts import DraftLine
from projections.settlement.settled import Settlement


def reading_order_of(settlement: Settlement) -> Callable[[DraftLine], tuple[Any, ...]]:
    """Lines by account (the bill's own first), in the order in which people read: charges, draws, overage, fees.

    Lines with equal words go by the creation of their commitments, then by the codes of plans and pricings; then pure
    refunds and smaller amounts come first. Ids, which mean nothing to a reader, come last.
    """
    terms = settlement.terms
    agreements = [*(fund.id for fund in terms.funds), *(minimum.id for minimum in terms.minimums)]
    ranks = {id: rank for rank, id in enumerate(agreements)}
    plans = {plan.of_id: plan.code for plan in terms.plans}

    def order(line: DraftLine) -> tuple[Any, ...]:
        key, due = line.key, settlement.lines.get(line.key)
        owner = terms.accounts.get(key.owner_id)
        of_account = key.owner_id != key.account_id, owner.code if owner else ""
        paid = READING_PLACE[key.pays] if key.pays else -1
        of_type = READING_PLACE[key.type], key.start, paid, line.wording["description"]
        item = due.charge.item_code if due is not None and due.charge is not None else ""
        codes = plans.get(key.plan_id, ""), line.wording.get("segment") or "", item
        agreement = ranks.get(key.agreement_id, len(ranks))
        return (*of_account, *of_type, agreement, *codes, due is not None, line.amount, *key)

    return order
