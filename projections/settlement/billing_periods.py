"""The choice of the billing periods that a commitment follows (rules 2.4, 6.2, 6.8)."""

from collections.abc import Iterable

from events.facts.commitments import BillingGrid
from events.resources.accounts import AccountPlan
from events.resources.commitments import Commitment
from projections.calendar import named_days
from projections.entities import AccountEntity, Entity
from projections.rating.index import FamilyIndex, plans_of
from projections.rating.plans import plan_grid
from projections.resources import Resources


def billing_grid(
    resources: Resources, index: FamilyIndex, account: AccountEntity, body: Commitment
) -> BillingGrid | None:
    """The billing periods of billingPlanId's plan, else of the account's only account plan, else months from startDate.

    None if there is no billingPlanId and the account has several account plans, because nothing then chooses between
    them.
    """
    attached = attached_plans(resources, index, account, body)
    if body.billing_plan_id is None and len(attached) > 1:
        return None
    account_plan = attached[0].body if attached else None
    of_account_plan = plans_of(resources, index, account_plan) if account_plan else []
    template = resources.template_of(body.billing_plan_id or next(iter(of_account_plan), ""))
    if template is None:
        return BillingGrid(frequency="MONTHLY", interval=1, epoch=body.bill_epoch or body.start_date)
    epochs = (body.bill_epoch, account_plan.bill_epoch if account_plan else None, account.body.bill_epoch)
    periods = plan_grid(resources, template.body, *epochs)
    terms = template.body
    return BillingGrid(frequency=terms.bill_frequency, interval=terms.bill_interval, epoch=periods.epoch)


def attached_plans(
    resources: Resources, index: FamilyIndex, account: AccountEntity, body: Commitment
) -> list[Entity[AccountPlan]]:
    """The account plans that give a commitment its billing periods, first start first: the account's own plans that
    share days with the commitment's term, limited to billingPlanId if the commitment has one. If the account has none,
    those of its parent, with which it is pooled.
    """
    for owner in dict.fromkeys((account.id, account.root_id)):
        plans = index.owned(resources, "account_plans", "account_id", owner)
        attached = [
            attached
            for attached in _in_term(plans, body, account.timezone)
            if body.billing_plan_id in (None, *plans_of(resources, index, attached.body))
        ]
        if attached:
            return attached
    return []


def _in_term(plans: Iterable[Entity[AccountPlan]], body: Commitment, zone: str) -> list[Entity[AccountPlan]]:
    sharing = []
    for attached in plans:
        start, end = named_days(attached.body.start_date, attached.body.end_date, zone)
        shared = max(start, body.start_date), body.end_date if end is None else min(end, body.end_date)
        if shared[0] < shared[1]:
            sharing.append((start, attached.position, attached))
    return [attached for *_, attached in sorted(sharing, key=lambda item: item[:2])]
