"""Which plans an account plan attaches: its plan, or those of its plan group (rules 3.23)."""

from events.resources.accounts import AccountPlan
from projections.rating.index import FamilyIndex
from projections.resources import Resources


def linked_plans(resources: Resources, index: FamilyIndex, group_id: str) -> list[str]:
    """Ids of the plans in a group, as they were linked."""
    links = index.owned(resources, "plan_group_links", "plan_group_id", group_id)
    return [one.body.plan_id for one in sorted(links, key=lambda link: link.position)]


def plans_of(resources: Resources, index: FamilyIndex, body: AccountPlan) -> list[str]:
    """Ids of the plans that an account plan attaches; none of an empty group."""
    if body.plan_group_id is not None:
        return linked_plans(resources, index, body.plan_group_id)
    assert body.plan_id is not None
    return [body.plan_id]
