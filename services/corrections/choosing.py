"""Chooses an account's usage events by conditions, for one request to void, and computes the effect on its bills."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from events.codec import decode
from events.envelope import event_id
from events.facts.corrections import UsageFields
from events.facts.usage import UsageRated
from events.sources import Origins
from projections.calendar import local_day
from projections.corrections import Corrected, Told
from projections.entities import AccountEntity
from projections.settlement import ComparedBill, DraftBill, DraftLine, Family, compare_bills, draft_bills
from services.commands.correction_rules import LoggedUsage
from services.commands.refused import InvalidField
from services.concurrency import compute
from services.corrections.usage_in_log import SEARCHED_MAX
from services.kafka import Cluster, LogReader
from services.postgres import Postgres
from services.readside.family_now import LoadedFamily
from services.readside.live import reading_live
from services.readside.past import PastFamily, load_past
from services.readside.past.logged_usage import usage_between
from services.readside.usage_sums import read_range
from services.store.generations import load_generations

#: Most events that one request voids and names.
CHOSEN_MAX = 1_000


@dataclass(frozen=True, slots=True)
class EventConditions:
    """The conditions on events that are given; their time lies in `[start, end)`."""

    meter_id: str | None = None
    source: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    ids: frozenset[str] | None = None

    def hold(self, rated: UsageRated) -> bool:
        """Whether the event fulfils all conditions."""
        return (
            self.meter_id in (None, rated.meter_id)
            and self.source in (None, rated.usage_source)
            and (self.start is None or rated.ts >= self.start)
            and (self.end is None or rated.ts < self.end)
            and (self.ids is None or rated.usage_id in self.ids)
        )


class Chosen(NamedTuple):
    """Matching events that still count, in the order of the log. `more`: whether there are others."""

    events: Sequence[LoggedUsage]
    more: bool


async def choose(
    postgres: Postgres,
    cluster: Cluster,
    account: AccountEntity,
    now: LoadedFamily,
    conditions: EventConditions,
    most: int = CHOSEN_MAX,
) -> Chosen:
    """The account's first matching events that are not voided, at most `most`; the family is as of `now`.

    Raises: InvalidField if more of the log would have to be read than one request may.
    """
    first, last = (
        None if moment is None else local_day(moment, account.timezone) for moment in (conditions.start, conditions.end)
    )
    async with reading_live(postgres) as connection:
        origins = (await load_generations(connection)).origins
        of_days = await read_range(connection, account.id, first, last)
    if of_days is None:
        return Chosen([], more=False)
    start, end = of_days[0], min(of_days[1], now.positions.log)
    if end - start > SEARCHED_MAX:
        rule = f"must leave fewer days: {end - start} records lie between their usage, of which {SEARCHED_MAX} are read"
        raise InvalidField(field="from", rule=rule)
    events = list[LoggedUsage]()
    async with LogReader(cluster) as reader:
        past = await load_past(postgres, reader, now.organization, now.root_id, now.positions)
        fulfilling = _fulfilling(reader, account, now, (start, end), conditions, origins)
        # Closed before its reader, which reads one range at a time.
        async with aclosing(fulfilling) as events_in_range:
            async for event in events_in_range:
                corrected = past.state.corrections.get(event.offset)
                if corrected is not None and corrected.stands is None:
                    continue
                if len(events) == most:
                    return Chosen(events, more=True)
                events.append(event)
    return Chosen(events, more=False)


async def _fulfilling(
    reader: LogReader,
    account: AccountEntity,
    now: LoadedFamily,
    offsets: tuple[int, int],
    conditions: EventConditions,
    origins: Origins,
) -> AsyncGenerator[LoggedUsage, None]:
    async with aclosing(usage_between(reader, account.partition, *offsets, [account.id], origins)) as polls:
        async for polled in polls:
            for logged in polled:
                record, rated = logged.record, decode(logged.value).data
                assert isinstance(rated, UsageRated)
                if conditions.hold(rated):
                    id = event_id(record.source, record.sequence)
                    yield LoggedUsage(now.organization, account.id, account.partition, logged.offset, id, rated)


@dataclass(frozen=True, slots=True)
class SupposedChange:
    """An event, and its supposed fields; None: it would be voided."""

    event: LoggedUsage
    fields: UsageFields | None


class MovedBill(NamedTuple):
    """The bills of an account in one currency, before and after."""

    account_id: str
    bill: ComparedBill


async def compared(
    postgres: Postgres, cluster: Cluster, now: LoadedFamily, changes: Sequence[SupposedChange], through: date
) -> list[MovedBill]:
    """The bills of a run for the date, as things are and with these changes of an account's events."""
    async with LogReader(cluster) as reader:
        where = now.organization, now.root_id, now.positions
        today = await load_past(postgres, reader, *where)
        supposed = await load_past(postgres, reader, *where, supposed=_supposed(today, changes))
    account_id = changes[0].event.account_id
    return await compute(now.organization, moved_bills, today.family, supposed.family, account_id, through)


def moved_bills(today: Family, supposed: Family, account_id: str, through: date) -> list[MovedBill]:
    """The bills of the changed account, and others of its family that change with them: its charges may be on its
    parent's bill, and a pool's charge is divided among all its accounts.
    """
    before, after = (draft_bills(family, date=through) for family in (today, supposed))
    others = sorted({draft.account_id for draft in (*before, *after)} - {account_id})
    return [
        MovedBill(account, bill)
        for account in (account_id, *others)
        for bill in compare_bills(_of(account, before), _of(account, after))
        if account == account_id or any(_amounts(line.today) != _amounts(line.supposed) for line in bill.lines)
    ]


def _amounts(line: DraftLine | None) -> tuple[Decimal, Decimal] | None:
    return None if line is None else (line.amount, line.quantity)


def _of(account_id: str, drafts: Sequence[DraftBill]) -> list[DraftBill]:
    return [draft for draft in drafts if draft.account_id == account_id]


def _supposed(past: PastFamily, changes: Sequence[SupposedChange]) -> Mapping[int, Corrected]:
    """The supposed corrections of the events."""
    supposed = {}
    for change in changes:
        event, rated = change.event, change.event.rated
        before = past.state.corrections.get(event.offset)
        stands = event.fields if before is None or before.stands is None else before.stands
        were = (*(() if before is None else before.were), stands)
        told = Told(event.event_id, rated.ts, None, None)
        supposed[event.offset] = Corrected(
            event.event_id, event.account_id, rated.meter_id, rated.ts, rated.usage_id, were, change.fields, told
        )
    return supposed
