"""The command side's view: the resources that exist now, as rows of `store.entities`.

A row is written from the evolved `Resources` in the transaction of its events; there is no second way to compute it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from projections.entities import AccountEntity, Entity
from projections.resources import Resources
from services.commands.kind import Kind, value_of
from services.commands.table import KINDS
from services.store.conditions import has_code
from services.store.extras import EXTRAS, extra_of
from services.store.rows import NewerResourceError, body_of

CONFIG = "organizationConfig"
COLUMNS = (
    "e.kind, e.id, e.version, e.body, e.extra, e.root_id, e.partition, e.timezone,"
    " e.position, e.folded, e.created, e.modified, e.created_by, e.modified_by"
)
#: Attributes of `projections.resources.Entity`, which are also the columns' names.
_DECIDED = ("root_id", "partition", "timezone")
_STAMPS = ("position", "folded", "created", "modified", "created_by", "modified_by")
#: Rows for `entity_of`, of organization $1 and kind $2; callers append `AND` conditions.
OF_ORGANIZATION = f"SELECT {COLUMNS} FROM store.entities e WHERE e.organization = $1"
OF_KIND = f"{OF_ORGANIZATION} AND e.kind = $2"
#: The row of that kind with id $3.
ONE_OF_KIND = "e.organization = $1 AND e.kind = $2 AND e.id = $3"
_GET = f"SELECT {COLUMNS} FROM store.entities e WHERE {ONE_OF_KIND}"
_GET_IDS = f"{OF_ORGANIZATION} AND e.id = ANY($2)"
_ROOTS = "SELECT id, root_id FROM store.entities WHERE organization = $1 AND id = ANY($2)"
_PUT = """
INSERT INTO store.entities (organization, kind, id, version, body, extra, refs, root_id, partition, timezone,
                            position, folded, created, modified, created_by, modified_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (organization, kind, id) DO UPDATE SET
    version = EXCLUDED.version, body = EXCLUDED.body, extra = EXCLUDED.extra, refs = EXCLUDED.refs,
    folded = EXCLUDED.folded, modified = EXCLUDED.modified, modified_by = EXCLUDED.modified_by
"""
_CONFIG = f"""
SELECT {COLUMNS}, (
    SELECT (data->>'now')::timestamptz FROM store.events
    WHERE organization = $1 AND stream = 'clock' ORDER BY version DESC LIMIT 1
) AS clock
FROM store.entities e WHERE e.organization = $1 AND e.kind = '{CONFIG}' AND e.id = $1
"""
#: Two arrays in one row, because reading a thousand rows costs more than finding them.
_PARTITIONS = f"""
SELECT array_agg(e.body->>'code') AS codes, array_agg(e.partition) AS partitions FROM store.entities e
WHERE e.organization = $1 AND e.kind = 'account' AND {has_code("e", "'account'", "$2")}
"""
_DELETE = "DELETE FROM store.entities WHERE organization = $1 AND kind = $2 AND id = $3"


def entity_of(row: Mapping[str, Any]) -> Entity[Any]:
    """The resource in a row. Raises: NewerResourceError."""
    kind = KINDS.get(row["kind"])
    if kind is None:
        raise NewerResourceError(kind=row["kind"], id=row["id"], why="nothing of this kind is known to it")
    body: Any = body_of(row, kind.model)
    base: dict[str, Any] = {"id": row["id"], "version": row["version"], "body": body} | _stamps(row)
    if kind.is_account:
        base |= {name: row[name] for name in _DECIDED}
    history = EXTRAS.get(kind.entity)
    if history is not None:
        base |= history.read(json.loads(row["extra"]), body)
    return kind.entity(**base)


def _stamps(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _STAMPS}


def resources_of(organization: str, rows: Iterable[Mapping[str, Any]], clock: datetime | None) -> Resources:
    """The resources in an organization's rows, with its test clock."""
    listed = list(rows)
    config = next((_config_of(row) for row in listed if row["kind"] == CONFIG), None)
    resources = Resources(organization, config, clock)
    put_rows(resources, [row for row in listed if row["kind"] != CONFIG])
    return resources


def put_rows(resources: Resources, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add the resources in these rows."""
    for row in rows:
        resources.put(entity_of(row))


def _config_of(row: Mapping[str, Any]) -> Entity[OrganizationConfig]:
    body = body_of(row, OrganizationConfig)
    return Entity(row["id"], row["version"], body, **_stamps(row))


async def load_config(connection: Any, organization: str) -> Resources:
    """Resources with the configuration and the test clock only; empty for an unknown organization."""
    row = await connection.fetchrow(_CONFIG, organization)
    return Resources(organization) if row is None else resources_of(organization, [row], row["clock"])


async def get(connection: Any, organization: str, kind: str, id: str) -> Entity[Any] | None:
    """One resource; None if there is none with this id."""
    row = await connection.fetchrow(_GET, organization, kind, id)
    return None if row is None else entity_of(row)


async def get_ids(connection: Any, organization: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Rows of the resources with these ids, of any kind."""
    return list(await connection.fetch(_GET_IDS, organization, list(ids)))


async def roots_of(connection: Any, organization: str, ids: Sequence[str]) -> dict[str, str]:
    """The root accounts of these ids' resources, by id, without missing ones."""
    rows = await connection.fetch(_ROOTS, organization, list(ids)) if ids else []
    return {row["id"]: row["root_id"] for row in rows}


async def partitions_of(connection: Any, organization: str, codes: Sequence[str]) -> dict[str, int]:
    """The partitions of accounts, by code, without missing ones."""
    row = await connection.fetchrow(_PARTITIONS, organization, codes)
    return dict(zip(row["codes"] or (), row["partitions"] or (), strict=True))


async def store_config(connection: Any, resources: Resources) -> None:
    """Write the configuration's row from the evolved resources."""
    assert resources.config is not None
    await _put(connection, resources.organization, CONFIG, resources.config, {}, (), None)


async def store_entity(connection: Any, resources: Resources, kind: Kind, id: str) -> None:
    """Write or delete the row of one resource, to agree with the evolved resources."""
    entity = kind.held(resources).get(id)
    if entity is None:
        await connection.execute(_DELETE, resources.organization, kind.name, id)
        return
    refs = sorted({target for _, _, target in kind.references(entity.body)})
    account = owner(resources, kind, id, entity.body)
    await _put(connection, resources.organization, kind.name, entity, extra_of(entity), refs, account)


def owner(resources: Resources, kind: Kind, id: str, body: Resource) -> AccountEntity | None:
    """The account that a resource belongs to; None for what belongs to the catalog."""
    if kind.owner == "catalog":
        return None
    if kind.owner == "balanceId":
        body = resources.balances[value_of(body, "balanceId")].body
    return resources.accounts[id if kind.owner == "self" else value_of(body, "accountId")]


async def _put(
    connection: Any,
    organization: str,
    kind: str,
    entity: Entity[Any],
    extra: dict[str, Any],
    refs: Iterable[str],
    account: AccountEntity | None,
) -> None:
    root, partition, zone = (account.root_id, account.partition, account.timezone) if account else (None, None, None)
    body = entity.body.model_dump_json(by_alias=True, exclude_unset=True)
    stamps = [getattr(entity, name) for name in _STAMPS]
    await connection.execute(
        _PUT, organization, kind, entity.id, entity.version, body, json.dumps(extra), list(refs), root, partition, zone,
        *stamps,
    )  # fmt: skip
