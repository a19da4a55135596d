"""Settled fields of commitments and balances: spent, remaining, status, periods (rules 10.2, 10.3).

They all come from one settlement (decision 19): from the projected row if the projection has passed the resource's last
command, else from a settlement now, of command-side terms and projected totals. Never a mix. The answer to a create is
a settlement of the new resource alone, so its cost does not grow with the account.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import structlog

from projections.clock import Evidence, today_of
from projections.entities import CommitmentEntity, Entity, FundEntity
from projections.readmodels.settled_rows import balance_row
from projections.resources import Resources
from projections.settlement import Billed
from projections.settlement.states_by_day import undrawn
from projections.too_large import TooLargeError
from services.api.funds import standing_of
from services.api.wire import document_of
from services.commands.commitment_rules import is_used
from services.commands.kind import Kind
from services.commands.refused import UnknownResource
from services.failures import Passing
from services.postgres import Postgres
from services.readside.agreement_rows import read_balances, read_with_balance
from services.readside.family_now import settle_now
from services.readside.live import LastLive
from services.readside.moved import read_moved
from services.store.billed import bills_with
from services.store.view import entity_of, get, roots_of

_log = structlog.get_logger(__name__)


async def derived_fields(
    postgres: Postgres,
    organization: str,
    entities: Sequence[Entity[Any]],
    as_of: date | None = None,
    *,
    tolerant: bool = False,
) -> dict[str, dict[str, Any]]:
    """The derived fields of commitments and balances among the entities, by id, as of a day or of today.

    `tolerant`: families that cannot be settled are left out.
    """
    funds = [entity for entity in entities if isinstance(entity, FundEntity)]
    rows = await _standing_rows(postgres, organization, funds, as_of, tolerant=tolerant) if funds else {}
    return {fund.id: standing_of(rows[fund.id]) for fund in funds if fund.id in rows}


async def _standing_rows(
    postgres: Postgres,
    organization: str,
    funds: Sequence[FundEntity],
    as_of: date | None = None,
    *,
    tolerant: bool = False,
) -> dict[str, Mapping[str, Any]]:
    """Rows in the columns of `commitment_balances`, by id: projected ones, or settled now where the projection does not
    yet include a command. `tolerant`: rows of a family that cannot be settled are left out.
    """
    async with postgres.connection() as connection:
        rows = await read_balances(connection, organization, [fund.id for fund in funds]) if as_of is None else {}
        behind = [fund for fund in funds if fund.id not in rows or rows[fund.id]["folded"] < fund.folded]
        roots = await roots_of(connection, organization, [fund.id for fund in behind])
    for root_id in sorted(set(roots.values())):
        try:
            rows |= await settle_now(postgres, organization, root_id, as_of)
        except Exception as error:
            if not tolerant or isinstance(error, Passing):
                raise
            if not isinstance(error, TooLargeError):
                _log.exception("family_not_settled", organization=organization, root=root_id)
            rows = {id: row for id, row in rows.items() if roots.get(id) != root_id}
    return rows


async def document_at(
    postgres: Postgres, organization: str, kind: Kind, id: str, version: int
) -> dict[str, Any] | None:
    """A commitment or balance with its derived fields, for the answer to the command that gave it this version.

    None: it already has a later version, whose terms would give other fields; or the fields are not available now.
    Nothing is raised: the command is committed, and an error would make the client repeat it.
    """
    try:
        async with postgres.connection() as connection:
            entity = await get(connection, organization, kind.name, id)
        if entity is None or entity.version != version:
            return None
        assert isinstance(entity, FundEntity)
        row = (await _standing_rows(postgres, organization, [entity])).get(id)
        # It is None, too, if a command has changed the resource since it was read.
        derived = None if row is None or row["folded"] != entity.folded else standing_of(row)
    except Exception:
        _log.exception("derived_fields_left_out", organization=organization, id=id)
        return None
    return None if derived is None else document_of(entity, derived)


async def read_fund(
    connection: Any, live: LastLive, organization: str, kind: Kind, id: str
) -> tuple[Entity[Any], dict[str, Any] | None]:
    """A commitment or balance with its derived fields of today, if they are projected and include its last command.

    Raises: UnknownResource.
    """
    fund = await read_with_balance(connection, live, organization, kind.name, id)
    if fund is None:
        raise UnknownResource(kind=kind.name, id=id)
    row, standing = fund
    entity = entity_of(row)
    projected = standing is not None and standing["folded"] >= entity.folded
    return entity, standing_of(standing) if projected and standing is not None else None


def undrawn_fields(resources: Resources, entity: Entity[Any]) -> dict[str, Any]:
    """The derived fields of a new commitment or balance, before any usage is drawn on it; {} for other kinds."""
    if not isinstance(entity, FundEntity):
        return {}
    account = resources.accounts[entity.body.account_id]
    today = today_of(resources, account.timezone, Evidence(fact=entity.created))
    state = undrawn(resources, entity, today)
    return standing_of(balance_row(entity, state, resources.organization, account.root_id, today)._asdict())


async def has_billed(connection: Any, organization: str, entity: Entity[Any]) -> bool:
    """Whether a valid bill refers to the commitment or balance, by the event store itself."""
    for root_id in (await roots_of(connection, organization, [entity.id])).values():
        billed = await bills_with(connection, organization, root_id, entity.id)
        if is_used(entity.id, billed=billed, spent=Decimal(0)):
            return True
    return False


async def has_drawn(postgres: Postgres, organization: str, entity: Entity[Any]) -> bool:
    """Whether projected usage has drawn on it; wait for the projection first (decision 19).

    A MINIMUM is never drawn, whatever has counted.
    """
    if isinstance(entity, CommitmentEntity) and entity.body.kind == "MINIMUM":
        return False
    derived = await derived_fields(postgres, organization, [entity])
    spent = derived.get(entity.id, {}).get("amountSpent", Decimal(0))
    if not spent and (mark := await read_moved(postgres, organization, entity.id)) is not None and mark.waits:
        # The row of a family whose turn to settle has not come yet says less than what is spent.
        row = (await settle_now(postgres, organization, mark.root_id)).get(entity.id)
        spent = spent if row is None else row["spent"]
    return is_used(entity.id, billed=Billed(), spent=spent)
