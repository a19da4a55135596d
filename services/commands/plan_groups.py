"""Rules of plan groups and of the plans in them (rules 3.23)."""

from dataclasses import replace

from events.resources.catalog import PlanTemplate
from events.resources.plan_groups import PlanGroupLink
from projections.entities import Entity
from projections.resources import Resources
from services.commands.accounts import check_no_overlap, template_of
from services.commands.errors import InvalidField


def check_link(resources: Resources, id: str, body: PlanGroupLink) -> None:
    """A group has one plan of each product, all in its currency and billed alike; nobody who is on the group has one of
    these products twice on a day."""
    plan, group = resources.plans[body.plan_id].body, resources.plan_groups[body.plan_group_id].body
    template = template_of(resources, body.plan_id)
    if template.currency != group.currency:
        rule = f"names a plan in {template.currency}, and the group is in {group.currency}"
        raise InvalidField(field="planId", rule=rule)
    if plan.account_id not in (None, group.account_id):
        raise InvalidField(field="planId", rule="names a plan of one account, and the group is not that account's")
    for other in _others(resources, id, body.plan_group_id):
        theirs = template_of(resources, other.body.plan_id)
        if theirs.product_id == template.product_id:
            rule = f"names a plan of a product of which the group has one already, by planGroupLink {other.id}"
            raise InvalidField(field="planId", rule=rule)
        if _billed(template) != _billed(theirs):
            rule = f"names a plan that is not billed at the frequency and interval of planGroupLink {other.id}'s"
            raise InvalidField(field="planId", rule=rule)
    _check_accounts(resources, id, body)


def _others(resources: Resources, id: str, group_id: str) -> list[Entity[PlanGroupLink]]:
    links = [one for one in resources.plan_group_links.values() if one.id != id and one.body.plan_group_id == group_id]
    return sorted(links, key=lambda one: one.position)


def _billed(template: PlanTemplate) -> tuple[str, int]:
    return template.bill_frequency, template.bill_frequency_interval or 1


def _check_accounts(resources: Resources, id: str, body: PlanGroupLink) -> None:
    """Those who are on the group, as if the link were there. Raises: OverlappingPlan."""
    assert resources.config is not None
    made = Entity(id, 1, body, 2**62, 0, resources.config.created, resources.config.created)
    supposed = replace(resources, plan_group_links=resources.plan_group_links | {id: made})
    for account_plan in resources.account_plans.values():
        if account_plan.body.plan_group_id == body.plan_group_id:
            check_no_overlap(supposed, account_plan.id, account_plan.body)
