"""The resources that an account or a contract is billed by: contracts, account plans, commitments, and pricings of its
own plans.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.entities import AccountEntity, Entity
from services.commands.table import KINDS
from services.store.conditions import names_one_of
from services.store.view import OF_KIND, entity_of

_ACCOUNT = f"{OF_KIND} AND e.id = $3"
_CHILDREN = f"{OF_KIND} AND e.root_id = $3 AND e.body->>'parentAccountId' = $3 ORDER BY e.position"
_OWNED = f"{OF_KIND} AND {names_one_of('e', 'accountId', '$3')} ORDER BY e.position"
_LINKED = f"{OF_KIND} AND {names_one_of('e', 'planGroupId', '$3')} ORDER BY e.position"
_PRICES = f"{OF_KIND} AND {names_one_of('e', 'planId', '$3')} ORDER BY e.position"


@dataclass(frozen=True, slots=True)
class BilledAccounts:
    """Some accounts, or only the resources of one of their contracts."""

    organization: str
    #: By id.
    accounts: Mapping[str, AccountEntity]
    #: The contract's id; None: all resources of the accounts.
    contract: str | None = None

    async def of_kind(self, connection: Any, kind: str) -> Sequence[Entity[Any]]:
        """Their resources of this kind, in the order of creation; of the catalog, only pricings of their own plans."""
        if KINDS[kind].owner == "catalog":
            return await self._rows(connection, _PRICES, kind, await self._plans(connection))
        owned = await self._rows(connection, _OWNED, kind, list(self.accounts))
        return [entity for entity in owned if self._is_theirs(entity)]

    def zone_of(self, entity: Entity[Any]) -> str:
        """The zone of the resource's days: UTC for pricings, which apply to accounts of every zone."""
        account_id = getattr(entity.body, "account_id", None)
        return "UTC" if account_id is None else self.accounts[account_id].timezone

    def _is_theirs(self, entity: Entity[Any]) -> bool:
        """Of one contract: the contract itself, and resources that refer to it."""
        return self.contract in (None, entity.id, getattr(entity.body, "contract_id", None))

    async def _plans(self, connection: Any) -> list[str]:
        """Ids of the accounts' own plans, or of the plans that a contract attaches; other plans also have other
        customers.
        """
        own = {plan.id for plan in await self._rows(connection, _OWNED, "plan", list(self.accounts))}
        if self.contract is not None:
            attached = [body.body for body in await self.of_kind(connection, "accountPlan")]
            groups = sorted({body.plan_group_id for body in attached if body.plan_group_id is not None})
            linked = await self._rows(connection, _LINKED, "planGroupLink", groups)
            own &= {*(body.plan_id for body in attached), *(link.body.plan_id for link in linked)}
        return sorted(own)

    async def _rows(self, connection: Any, query: str, kind: str, ids: list[str]) -> list[Entity[Any]]:
        return [entity_of(row) for row in await connection.fetch(query, self.organization, kind, ids)]


async def accounts_of(connection: Any, organization: str, id: str, *, children: bool) -> dict[str, AccountEntity]:
    """The account and, if asked, its children; empty for a missing account."""
    rows = await connection.fetch(_ACCOUNT, organization, "account", id)
    if children:
        rows += await connection.fetch(_CHILDREN, organization, "account", id)
    entities = [entity_of(row) for row in rows]
    return {entity.id: entity for entity in entities if isinstance(entity, AccountEntity)}
