"""Rules of accounts, account plans, contracts and counter adjustments, beyond the checks of each body; and end-dating:
every resource of an account or a contract that would run past a day ends then, each by an ordinary update.
"""

import json
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from events.facts.resources import AccountForgotten
from events.resources.accounts import Account, AccountPlan
from events.resources.base import Resource, moment_text
from events.resources.catalog import PlanTemplate
from events.topics import partition_of
from projections.calendar import named_day, named_days
from projections.entities import Entity
from projections.rating.index import FamilyIndex, index_families, plans_of
from projections.resources import Resources
from services.commands.bodies import described
from services.commands.checks import check_term, existing
from services.commands.kind import Kind, value_of
from services.commands.messages import ForgetAccount
from services.commands.refused import InvalidField, KeepsNoKeys, OverlappingPlan
from services.commands.table import KINDS

MAX_CHILDREN = 999
R = TypeVar("R", bound=Resource)


def for_life(resources: Resources, id: str, body: Account, partitions: int) -> dict[str, Any]:
    """The values fixed when an account is made: root, partition of the log, time zone. The checks are done."""
    if body.parent_account_id is not None:
        parent = resources.accounts[body.parent_account_id]
        return {"root_id": parent.root_id, "partition": parent.partition, "timezone": parent.timezone}
    assert resources.config is not None
    zone = body.timezone or resources.config.body.timezone
    return {"root_id": id, "partition": partition_of(resources.organization, body.code, partitions), "timezone": zone}


def forget(resources: Resources, command: ForgetAccount) -> AccountForgotten:
    """The fact that destroys the keys. Raises: UnknownResource, KeepsNoKeys."""
    account = existing(resources, KINDS["account"], command.id)
    if not resources.keeps_keys:
        raise KeepsNoKeys(organization=resources.organization)
    told = {} if command.reason is None else {"reason": command.reason}
    return AccountForgotten(id=account.id, version=account.version + 1, key_ids=command.key_ids, **told)


def check_account(resources: Resources, body: Account, current: Entity[Any] | None) -> None:
    """Check that the parent has no parent and at most 999 children, and that the account's zone does not change."""
    if current is not None:
        zone = resources.accounts[current.id].timezone
        if body.timezone not in (None, zone):
            raise InvalidField(field="timezone", rule=f"is set at creation and never changes; it is {zone}")
    elif body.parent_account_id is not None:
        _check_child(resources, body, body.parent_account_id)


def _check_child(resources: Resources, body: Account, parent_id: str) -> None:
    parent = resources.accounts[parent_id]
    if parent.body.parent_account_id is not None:
        raise InvalidField(
            field="parentAccountId", rule="names an account that has a parent itself; one level is allowed"
        )
    if body.timezone not in (None, parent.timezone):
        raise InvalidField(field="timezone", rule=f"must be the parent's, {parent.timezone}")
    children = sum(account.body.parent_account_id == parent_id for account in resources.accounts.values())
    if children >= MAX_CHILDREN:
        raise InvalidField(field="parentAccountId", rule=f"names an account that has {MAX_CHILDREN} children already")


def check_contract_owner(resources: Resources, account_id: str, contract_id: str | None) -> None:
    """Check that a contract is used only by resources of its own account and of the account's children."""
    if contract_id is None:
        return
    owner, account = resources.contracts[contract_id].body.account_id, resources.accounts[account_id]
    if owner not in (account_id, account.root_id):
        raise InvalidField(field="contractId", rule="names a contract of another account")


def check_account_plan(resources: Resources, id: str, body: AccountPlan) -> None:
    """Check that there is one account plan per product and day, unless the organization allows overlaps; a group's
    account plan has the products of all its plans. A group for one account can be attached to no other account.
    """
    zone = resources.accounts[body.account_id].timezone
    check_term(body.start_date, body.end_date, zone)
    check_contract_owner(resources, body.account_id, body.contract_id)
    group = resources.plan_groups.get(body.plan_group_id or "")
    if group is not None and group.body.account_id not in (None, body.account_id):
        raise InvalidField(field="planGroupId", rule="names a plan group of another account")
    check_no_overlap(resources, id, body)


def check_no_overlap(resources: Resources, id: str, body: AccountPlan) -> None:
    """Check that no other account plan of the account has one of its products on one of its days. Raises:
    OverlappingPlan.
    """
    assert resources.config is not None
    if resources.config.body.allow_overlapping_plans:
        return
    zone, index = resources.accounts[body.account_id].timezone, index_families(resources)
    own = _products(resources, index, body)
    for other in resources.account_plans.values():
        if other.id == id or other.body.account_id != body.account_id:
            continue
        if not own.isdisjoint(_products(resources, index, other.body)) and _overlap(body, other.body, zone):
            raise OverlappingPlan(id=other.id)


def template_of(resources: Resources, plan_id: str) -> PlanTemplate:
    """The body of a plan's template."""
    template = resources.template_of(plan_id)
    assert template is not None, "a plan is made of a template that is there, and keeps it there"
    return template.body


def _products(resources: Resources, index: FamilyIndex, body: AccountPlan) -> set[str]:
    return {template_of(resources, plan_id).product_id for plan_id in plans_of(resources, index, body)}


def _overlap(body: AccountPlan, other: AccountPlan, zone: str) -> bool:
    """Whether two terms share a day; an empty term has none."""
    start, end = named_days(body.start_date, body.end_date, zone)
    other_start, other_end = named_days(other.start_date, other.end_date, zone)
    return max(start, other_start) < min(end or date.max, other_end or date.max)


def ended_body(kind: Kind, entity: Entity[R], end: date | datetime, zone: str) -> R | None:
    """The body with this end, a moment in days of the zone; None if it already ends by then.

    Raises: InvalidBody, for example if it starts later.
    """
    last = named_day(end, zone)
    end_before = value_of(entity.body, "endDate")
    if end_before is not None and named_day(end_before, zone) <= last:
        return None
    document = json.loads(entity.body.model_dump_json(by_alias=True, exclude_unset=True))
    document["endDate"] = moment_text(last if kind.ends_on_a_day else end)
    return _read(type(entity.body), document)


def _read(model: type[R], document: dict[str, Any]) -> R:
    """Parsed like the log: a rule that is newer than the body must not prevent its end."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise described(error) from None
