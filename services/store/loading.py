"""Targeted loading: the `Resources` needed to decide one command, and no more.

These are the command's own resource and those its body refers to, resources that may share its code, those that the
rules of its kind need (`services/commands/needs.py`), and on delete, the first resource that refers to it.
"""

from collections.abc import Iterable
from typing import Any

from events.resources.base import Resource
from projections.resources import Resources
from services.commands.kind import Kind, value_of
from services.commands.messages import (
    CancelCommitment,
    Command,
    CreateResource,
    DeleteResource,
    ForgetAccount,
    TopUpCommitment,
    TransactBalance,
    UpdateResource,
)
from services.commands.needs import AccountPlans, ItsBalance, Named, Naming, Need, OnPlanGroup, Referring, Siblings
from services.commands.rules import rules_of
from services.commands.table import KINDS
from services.store.conditions import has_code, is_of_account, refers_to
from services.store.view import OF_KIND, OF_ORGANIZATION, get_ids, put_rows

_OF_ACCOUNT = f"{OF_KIND} AND {is_of_account('e', '$3')}"
_OF_CODE = f"{OF_KIND} AND {has_code('e', '$2', 'ARRAY[$3]')}"
_REFERRING = f"{OF_KIND} AND {refers_to('e', 'ARRAY[$3]')}"
_CHILDREN = f"{OF_KIND} AND e.root_id = $3 AND e.body->>'parentAccountId' = $3"
#: The account plans of every account on this plan group.
_BESIDE_GROUP = (
    f"{OF_ORGANIZATION} AND e.kind = 'accountPlan' AND e.root_id IN"
    " (SELECT o.root_id FROM store.entities o WHERE o.organization = $1 AND o.kind = 'accountPlan'"
    f" AND {refers_to('o', 'ARRAY[$2]')})"
)
#: The kind of schedules that pay into a balance.
_TOP_UPS = "balanceTransactionSchedule"
#: The oldest of the resources that refer to a resource, as `decide` names it.
_REFERRER = f"{OF_ORGANIZATION} AND {refers_to('e', 'ARRAY[$2]')} ORDER BY e.position LIMIT 1"


def _is(field: str, value: str) -> str:
    """The condition that a field of a row `e` of kind $2 has this value, a placeholder."""
    if field == "code":
        return has_code("e", "$2", f"ARRAY[{value}]")
    return is_of_account("e", value) if field == "accountId" else f"e.body->>'{field}' = {value}"


class _Loader:
    """Fills `resources`; an id that does not exist is simply missing afterwards."""

    def __init__(self, connection: Any, resources: Resources) -> None:
        self._connection, self.resources = connection, resources

    async def ids(self, ids: Iterable[str | None]) -> None:
        wanted = {id for id in ids if id is not None}
        put_rows(self.resources, await get_ids(self._connection, self.resources.organization, sorted(wanted)))

    async def rows(self, query: str, *arguments: str) -> None:
        put_rows(self.resources, await self._connection.fetch(query, self.resources.organization, *arguments))

    async def same_key(self, kind: Kind, body: Resource) -> None:
        """Load resources with the same values in a uniqueness key, through the key's index or the account's."""
        for fields in kind.unique:
            values = [value_of(body, field) for field in fields]
            if None not in values:
                tests = (f" AND {_is(field, f'${number}')}" for number, field in enumerate(fields, start=3))
                await self.rows(OF_KIND + "".join(tests), kind.name, *map(str, values))

    async def children(self, parent: str | None) -> None:
        """Load the accounts with this parent; none without a parent."""
        if parent is not None:
            await self.rows(_CHILDREN, "account", parent)

    async def balance(self, id: str) -> None:
        """Load the balance with its account and its schedules."""
        await self.ids([id])
        balance = self.resources.balances.get(id)
        if balance is not None:
            await self.ids([balance.body.account_id])
            await self.top_ups(id)

    async def top_ups(self, balance_id: str) -> None:
        await self.rows(_REFERRING, _TOP_UPS, balance_id)

    async def products_of_plans(self, group: str | None = None) -> None:
        """Load plans and templates of the loaded account plans and of the group; plans of groups through their
        links.
        """
        attached = [account_plan.body for account_plan in self.resources.account_plans.values()]
        for group_id in sorted({group, *(account_plan.plan_group_id for account_plan in attached)} - {None}, key=str):
            await self.rows(_REFERRING, "planGroupLink", str(group_id))
        linked = (link.body.plan_id for link in self.resources.plan_group_links.values())
        await self.ids({*linked, *(account_plan.plan_id for account_plan in attached)})
        await self.ids(plan.body.plan_template_id for plan in self.resources.plans.values())


async def load_for(connection: Any, resources: Resources, command: Command) -> None:
    """Load everything that deciding the command needs into `resources`, which already hold the configuration and
    clock.
    """
    loader = _Loader(connection, resources)
    match command:
        case CreateResource(kind=kind, id=id, body=body) | UpdateResource(kind=kind, id=id, body=body):
            await _load_for_body(loader, KINDS[kind], id, body)
        case DeleteResource(kind=kind, id=id):
            await loader.rows(_REFERRER, id)
            await _load_with_account(loader, id)
            for need in rules_of(KINDS[kind].model).needs:
                if isinstance(need, Naming) and id in KINDS[kind].held(resources):
                    await loader.rows(OF_KIND, need.kind)
        case ForgetAccount(id=id):
            await loader.ids([id])
        case TransactBalance(id=id):
            await _load_with_account(loader, id)
            await loader.top_ups(id)
        case TopUpCommitment(id=id) | CancelCommitment(id=id):
            await _load_with_account(loader, id)
        case _:
            pass


async def load_balance(connection: Any, configured: Resources, id: str) -> Resources:
    """The configuration and clock with a balance, its account and its schedules.

    `configured` is not changed. A balance that does not exist is simply missing.
    """
    resources = Resources(configured.organization, configured.config, configured.clock)
    await _Loader(connection, resources).balance(id)
    return resources


async def _load_for_body(loader: _Loader, kind: Kind, id: str, body: Resource) -> None:
    await loader.ids([id, *(target for _, _, target in kind.references(body))])
    await loader.same_key(kind, body)
    for need in rules_of(kind.model).needs:
        await _load_need(loader, kind, id, body, need)


async def _load_need(loader: _Loader, kind: Kind, id: str, body: Any, need: Need) -> None:
    is_there = id in kind.held(loader.resources)
    match need:
        case Siblings():
            await loader.children(body.parent_account_id)
        case Referring(kinds) if is_there:
            for name in kinds:
                await loader.rows(_REFERRING, name, id)
        case Naming(name) if is_there:
            await loader.rows(OF_KIND, name)
        case Named(name, codes):
            for code in codes(body):
                await loader.rows(_OF_CODE, name, code)
        case AccountPlans(of_parent, of) if of is None or of(body):
            account = loader.resources.accounts.get(body.account_id)
            parent = {account.root_id} if of_parent and account is not None else set()
            for account_id in sorted({body.account_id} | parent):
                await loader.rows(_OF_ACCOUNT, "accountPlan", account_id)
            await loader.products_of_plans(getattr(body, "plan_group_id", None))
        case OnPlanGroup():
            await loader.rows(_BESIDE_GROUP, body.plan_group_id)
            await loader.ids(account_plan.body.account_id for account_plan in loader.resources.account_plans.values())
            await loader.products_of_plans(body.plan_group_id)
        case ItsBalance():
            await loader.balance(body.balance_id)


async def _load_with_account(loader: _Loader, id: str) -> None:
    await loader.ids([id])
    for kind in KINDS.values():
        if kind.owner == "accountId" and (entity := kind.held(loader.resources).get(id)) is not None:
            await loader.ids([value_of(entity.body, "accountId")])
        if kind.owner == "balanceId" and (entity := kind.held(loader.resources).get(id)) is not None:
            await loader.balance(value_of(entity.body, "balanceId"))
