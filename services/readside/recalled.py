"""A cache of recently loaded families, for reads: a page asks about one family several times, and so do people.

At one position of the log and the catalog a family is always the same, so a family that was loaded at the read models'
present position is reused. Bills are never issued from this cache.
"""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.concurrency import compute
from services.postgres import Postgres
from services.readside.family_now import LoadedFamily, PageRows, UnknownFamilyError, loaded_page, read_standing
from services.readside.lately import LatelyUsed
from services.readside.live import reading_live
from services.readside.loading import read_families

#: Most cached families, and the most facts and totals of a cached family: some 2 KB of memory each.
FAMILIES_KEPT, ROWS_KEPT = 4, 10_000
_SCHEMA = "SELECT current_schema()"


class _Standing(NamedTuple):
    """The key of a cached family: everything that decides its content. `store` is the random name of its store,
    `schema` that of the read models.
    """

    store: str
    schema: str
    organization: str
    root_id: str
    log: int
    catalog: int
    tick: datetime | None
    clock: datetime | None


_kept = LatelyUsed[_Standing, LoadedFamily](FAMILIES_KEPT)


async def recall_family(postgres: Postgres, organization: str, root_id: str) -> LoadedFamily:
    """The family as the live read models hold it now. It is shared, so never change it. Raises: UnknownFamilyError."""
    async with reading_live(postgres) as connection:
        rows, roots = await read_standing(connection, organization, [root_id])
        if not roots:
            raise UnknownFamilyError(organization, root_id)
        standing = _standing(rows, root_id, await connection.fetchval(_SCHEMA))
        if (page := _kept.get(standing)) is not None:
            return page
        rows = replace(rows, families=await read_families(connection, roots))
    return await compute(organization, _loaded, standing, rows)


def _standing(rows: PageRows, root_id: str, schema: str) -> _Standing:
    [position], [clock], [catalog] = rows.folded.values(), rows.clocks.values(), rows.catalogs.values()
    store, organization, offset = catalog.key
    return _Standing(store, schema, organization, root_id, position.next_offset, offset, position.tick, clock)


def _loaded(standing: _Standing, rows: PageRows) -> LoadedFamily:
    """The cached family, if another request has loaded it since the rows were read: a page sends its requests at
    once.
    """
    page = _kept.get(standing) or loaded_page(rows)[standing.root_id]
    if len(rows.families.facts) + len(rows.families.totals) <= ROWS_KEPT:
        _kept.keep(standing, page)
    return page
