"""Targeted load: the `Resources` that deciding one command needs, and no more.

The command's own resource and what its body names; whoever may share its code; an account plan's neighbours with their
plans and templates; a commitment's account plans; a parent's children; on delete, the first resource that refers to it.
"""

from collections.abc import Iterable
from typing import Any

from events.resources.accounts import Account, AccountPlan
from events.resources.base import Resource
from events.resources.commitments import Commitment
from projections.resources import Resources
from services.commands.kind import Kind, value_of
from services.commands.messages import (
    CancelCommitment,
    Command,
    CreateResource,
    DeleteResource,
    TopUpCommitment,
    TransactBalance,
    UpdateResource,
)
from services.commands.table import KINDS
from services.store.finding import has_code, is_of_account, refers_to
from services.store.view import COLUMNS, get_ids, put_rows

_OF_KIND = f"SELECT {COLUMNS} FROM store.entities e WHERE e.organization = $1 AND e.kind = $2"
_OF_ACCOUNT = f"{_OF_KIND} AND {is_of_account('e', '$3')}"
_CHILDREN = f"{_OF_KIND} AND e.root_id = $3 AND e.body->>'parentAccountId' = $3"
#: Of all that refer to a resource what was created first, as `decide` names it.
_REFERRER = (
    f"SELECT {COLUMNS} FROM store.entities e WHERE e.organization = $1 AND {refers_to('e', 'ARRAY[$2]')} "
    "ORDER BY e.position LIMIT 1"
)


def _is(field: str, value: str) -> str:
    """That a field of a row `e` of kind $2 has this value, a placeholder."""
    if field == "code":
        return has_code("e", "$2", f"ARRAY[{value}]")
    return is_of_account("e", value) if field == "accountId" else f"e.body->>'{field}' = {value}"


class _Loader:
    """Fills `resources`; an id that does not exist is simply not there afterwards."""

    def __init__(self, connection: Any, resources: Resources) -> None:
        self._connection, self.resources = connection, resources

    async def ids(self, ids: Iterable[str | None]) -> None:
        wanted = {id for id in ids if id is not None}
        put_rows(self.resources, await get_ids(self._connection, self.resources.organization, sorted(wanted)))

    async def rows(self, query: str, *arguments: str) -> None:
        put_rows(self.resources, await self._connection.fetch(query, self.resources.organization, *arguments))

    async def same_key(self, kind: Kind, body: Resource) -> None:
        """Those with the same values in a uniqueness key, which the key's index or the account's finds."""
        for fields in kind.unique:
            values = [value_of(body, field) for field in fields]
            if None not in values:
                tests = (f" AND {_is(field, f'${number}')}" for number, field in enumerate(fields, start=3))
                await self.rows(_OF_KIND + "".join(tests), kind.name, *map(str, values))

    async def account_plans(self, account_id: str) -> None:
        await self.rows(_OF_ACCOUNT, "accountPlan", account_id)

    async def products_of_plans(self) -> None:
        await self.ids(plan.body.plan_id for plan in self.resources.account_plans.values())
        await self.ids(plan.body.plan_template_id for plan in self.resources.plans.values())


async def load_for(connection: Any, resources: Resources, command: Command) -> None:
    """Load into `resources`, which hold the configuration and clock already, what deciding the command needs."""
    loader = _Loader(connection, resources)
    match command:
        case CreateResource(kind=kind, id=id, body=body) | UpdateResource(kind=kind, id=id, body=body):
            await _load_for_body(loader, KINDS[kind], id, body)
        case DeleteResource(id=id):
            await loader.rows(_REFERRER, id)
            await _load_with_account(loader, id)
        case TopUpCommitment(id=id) | CancelCommitment(id=id) | TransactBalance(id=id):
            await _load_with_account(loader, id)
        case _:
            pass


async def _load_for_body(loader: _Loader, kind: Kind, id: str, body: Resource) -> None:
    await loader.ids([id, *(target for _, _, target in kind.references(body))])
    await loader.same_key(kind, body)
    match body:
        case Account(parent_account_id=str(parent)):
            await loader.rows(_CHILDREN, "account", parent)
        case AccountPlan():
            await loader.account_plans(body.account_id)
            await loader.products_of_plans()
        case Commitment(kind="MINIMUM"):
            held = loader.resources.accounts.get(body.account_id)
            for account_id in {body.account_id, held.root_id} if held else ():
                await loader.account_plans(account_id)
            await loader.products_of_plans()
        case _:
            pass


async def _load_with_account(loader: _Loader, id: str) -> None:
    await loader.ids([id])
    for kind in KINDS.values():
        if kind.owner == "accountId" and (held := kind.held(loader.resources).get(id)) is not None:
            await loader.ids([value_of(held.body, "accountId")])
