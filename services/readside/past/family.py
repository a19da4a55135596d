"""One family folded to positions: its facts come from the read models. Its usage comes from totals; totals that have
changed since are folded from the range of the log that their own offsets name.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from events.codec import decode
from events.facts.bills import Positions
from events.sources import Origins
from events.zones import ZoneDays, time_zone
from projections.aggregates import meter_aggregation
from projections.corrections import Corrected, CorrectedFold, Corrections, corrections_of, day_of
from projections.rating.index import FamilyIndex
from projections.readmodels import directory, facts, usage_totals
from projections.readmodels.positions import Position
from projections.resources import Resources
from projections.settlement import Family, together
from projections.usage import CellKey, meter_plans
from services.concurrency import compute
from services.kafka import LogReader
from services.postgres import Postgres
from services.readside.family_now import CatalogRows, UnknownFamilyError, catalog_of, read_catalog
from services.readside.family_state import FamilyState, Root, family_known_by
from services.readside.live import reading_live
from services.readside.loading import read_clock, read_positions
from services.readside.past.logged_usage import usage_between
from services.store.generations import load_generations

_OWN = """
SELECT record FROM facts WHERE organization = $1 AND root_id = $2 AND partition = $3 AND log_offset < $4
ORDER BY log_offset
"""
#: The corrections behind the positions.
_CORRECTED_SINCE = f"""
SELECT record FROM facts
WHERE organization = $1 AND root_id = $2 AND partition = $3 AND log_offset >= $4 AND type IN {facts.CORRECTING}
"""
_NO_CORRECTIONS: Corrections = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PastFamily:
    """A family at positions. `state.offsets` are the first and last offsets of its totals, below `positions.log`.

    `origins`: the sources whose records count.
    """

    origins: Origins
    state: FamilyState
    resources: Resources
    family: Family
    positions: Positions

    @property
    def organization(self) -> str:
        """The organization of its root."""
        return self.state.organization


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one snapshot: the family's own facts and clock up to the positions, its present totals and
    catalog.
    """

    origins: Origins
    organization: str
    root_id: str
    positions: Positions
    position: Position
    own: Sequence[Mapping[str, Any]]
    corrected_since: Sequence[Mapping[str, Any]]
    clock: datetime | None
    totals: Sequence[Mapping[str, Any]]
    catalog: CatalogRows
    catalog_now: CatalogRows


@dataclass(frozen=True, slots=True)
class _Past:
    """The read models' part of a family at positions, and the part to fold from the log, from `start` on."""

    origins: Origins
    state: FamilyState
    resources: Resources
    index: FamilyIndex
    #: Aggregations with another definition today: all of their totals must be folded.
    recounted: Set[str]
    #: Totals that grew or were corrected after the positions: each must be folded up to its offset here.
    moved: Set[CellKey]
    start: int


async def load_past(
    postgres: Postgres,
    reader: LogReader,
    organization: str,
    root_id: str,
    positions: Positions,
    supposed: Corrections = _NO_CORRECTIONS,
) -> PastFamily:
    """The family at positions that the live read models have passed. `supposed`: corrections of its usage to assume.

    Raises: UnknownFamilyError if it did not exist there.
    """
    async with reading_live(postgres) as connection:
        rows = await _read(connection, organization, root_id, positions)
    return await _derived(reader, rows, positions, supposed)


async def past_of(
    connection: Any, reader: LogReader, organization: str, root_id: str, positions: Positions
) -> PastFamily:
    """As `load_past`, but in the transaction of a connection that has its search path. Raises: UnknownFamilyError."""
    return await _derived(reader, await _read(connection, organization, root_id, positions), positions)


async def _derived(
    reader: LogReader, rows: _Rows, positions: Positions, supposed: Corrections = _NO_CORRECTIONS
) -> PastFamily:
    past = await compute(rows.organization, _past_of, rows, supposed)
    await _derive(reader, past, positions)
    return await compute(rows.organization, _family_of, past, positions)


def _family_of(past: _Past, positions: Positions) -> PastFamily:
    state = past.state
    return PastFamily(past.origins, state, past.resources, state.family(past.resources, past.index), positions)


async def _read(connection: Any, organization: str, root_id: str, positions: Positions) -> _Rows:
    position = (await read_positions(connection, [positions.partition]))[positions.partition]
    members = await connection.fetch(directory.MEMBERS, [organization], [root_id])
    return _Rows(
        (await load_generations(connection)).origins,
        organization,
        root_id,
        positions,
        position,
        await connection.fetch(_OWN, organization, root_id, positions.partition, positions.log),
        await connection.fetch(_CORRECTED_SINCE, organization, root_id, positions.partition, positions.log),
        await read_clock(connection, positions.partition, organization, positions.log),
        await connection.fetch(usage_totals.OF_ACCOUNTS, sorted(row["account_id"] for row in members)),
        await read_catalog(connection, organization, positions.catalog),
        await read_catalog(connection, organization, position.catalog_offset),
    )


def _past_of(rows: _Rows, supposed: Corrections) -> _Past:
    """The family from its own facts, with the totals that have not changed since the positions.

    Raises: UnknownFamilyError.
    """
    root = Root(rows.organization, rows.root_id, rows.positions.partition)
    state = family_known_by(root, (decode(bytes(row["record"])) for row in rows.own), {}, ())
    if rows.root_id not in state.members:
        raise UnknownFamilyError(rows.organization, rows.root_id)
    (catalog, index), (catalog_now, _) = catalog_of(rows.catalog), catalog_of(rows.catalog_now)
    end = rows.positions.log
    # An aggregation with another definition today has other totals today: its former totals are derived from the log.
    changed = {id for id in catalog.aggregations if _counts(catalog, id) != _counts(catalog_now, id)}
    unchanged = catalog.aggregations.keys() - changed
    totals = (
        row
        for row in rows.totals
        if row["account_id"] in state.members and row["aggregation_id"] in unchanged and row["first_offset"] < end
    )
    since = corrections_of(decode(bytes(row["record"])) for row in rows.corrected_since)
    corrected = _corrected(state, catalog, [*since.values(), *supposed.values()])
    state.suppose(supposed)
    straddling = _take_totals(state, totals, end, corrected)
    meters = {catalog.aggregations[id].body.meter_id for id in changed}
    first_usage = [offset for meter, offset in rows.position.meters.items() if meter in meters]
    start = min([end, *straddling.values(), *first_usage])
    resources = together(catalog, state.own, rows.clock)
    return _Past(rows.origins, state, resources, index, changed, straddling.keys(), start)


def _counts(catalog: Resources, aggregation_id: str) -> Any:
    """The parts of an aggregation's definition that its totals depend on."""
    aggregation = catalog.aggregations.get(aggregation_id)
    return aggregation and (aggregation.body.meter_id, meter_aggregation(aggregation.id, aggregation.body))


def _corrected(state: FamilyState, catalog: Resources, events: Iterable[Corrected]) -> set[tuple[str, str, date]]:
    """Account, aggregation and day of the totals that these corrections changed, in any segment."""
    days = ZoneDays(time_zone(state.timezone))
    corrected = [(event, day_of(event, {event.account: days})) for event in events]
    return {
        (event.account, aggregation.id, day)
        for event, day in corrected
        for aggregation in catalog.aggregations.values()
        if aggregation.body.meter_id == event.meter_id
    }


def _take_totals(
    state: FamilyState, rows: Iterable[Mapping[str, Any]], end: int, corrected: Set[tuple[str, str, date]]
) -> dict[CellKey, int]:
    """Take the totals that are unchanged since offset `end`. Returns those that grew or were corrected since, with the
    offset of their first record.
    """
    moved = {}
    for row in rows:
        key = (row["account_id"], row["aggregation_id"], row["segment"], row["day"])
        if row["last_offset"] < end and (key[0], key[1], key[3]) not in corrected:
            state.put_total(key, usage_totals.day_state(row), (row["first_offset"], row["last_offset"]))
        else:
            moved[key] = row["first_offset"]
    return moved


async def _derive(reader: LogReader, past: _Past, positions: Positions) -> None:
    """Fold the usage that the totals no longer tell."""
    if past.start >= positions.log:
        return
    wanted = past.recounted | {key[1] for key in past.moved}
    plans = meter_plans(past.resources, frozenset(wanted))
    zones = {id: ZoneDays(time_zone(member.timezone)) for id, member in past.state.members.items()}
    fold = CorrectedFold(past.state.corrections, plans, zones)
    async for usage in usage_between(reader, positions.partition, past.start, positions.log, zones, past.origins):
        values = {logged.offset: logged.value for logged in usage}
        records = [logged.record for logged in usage]
        await compute(past.state.organization, fold.fold, list(values), records, values.__getitem__)
    for key, cell in fold.cells().items():
        if key in past.moved or key[1] in past.recounted:
            past.state.put_total(key, cell.day_state(), (cell.first, cell.last))
