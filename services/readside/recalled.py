"""Families that were loaded lately, for reads: a page asks about one family several times, and so do people.

At one position of the log and of the catalog a family is the same whenever it is loaded, so what was loaded at the very
position that the read models stand at is taken as it is. What a bill is issued from is never taken from here.
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

#: So many families are kept, and none of more facts and totals than this: some 2 KB of memory each.
FAMILIES_KEPT, ROWS_KEPT = 4, 10_000
_SCHEMA = "SELECT current_schema()"


class _Standing(NamedTuple):
    """All that decides what a family is. `store` is the random name of its store, `schema` that of the read models."""

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
    """The family as the live read models hold it now. It is shared: nobody changes it. Raises: UnknownFamilyError."""
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
    """Another may have loaded it since the rows were read: who asks for a page asks for all of it at once."""
    page = _kept.get(standing) or loaded_page(rows)[standing.root_id]
    if len(rows.families.facts) + len(rows.families.totals) <= ROWS_KEPT:
        _kept.keep(standing, page)
    return page
