"""The transactions of a balance, including those of its schedules, and their summary."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, localcontext
from heapq import merge
from typing import Annotated, Any, NamedTuple
from uuid import uuid4

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from events.actors import shown
from events.decimals import EXACT, plain
from events.envelope import Envelope
from events.facts.commitments import BalanceTransacted
from events.resources.balances import BalanceTransaction
from projections.calendar import local_day
from projections.entities import BalanceEntity, ScheduleEntity
from projections.settlement import Settlement, settled
from projections.settlement.agreements import Fund
from services.api.answers import BalanceSummary, TransactionShown
from services.api.as_known import AS_OF, KNOWN_AT, family_known
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, once
from services.api.commitments import stream_of
from services.api.families import family_of
from services.api.occurrences import OfBalance, topped_up
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Text
from services.api.resources import existing
from services.api.sent import Body, Sent
from services.api.shown import answer_of, listed
from services.api.wire import answer, body_document
from services.commands.messages import TransactBalance
from services.commands.refused import UnknownResource
from services.commands.schedule_rules import schedules_of
from services.commands.table import KINDS
from services.concurrency import compute
from services.readside.family_now import LoadedFamily
from services.readside.loading import day_of
from services.store.loading import load_balance

router = organization_router("balances")

#: Most transactions on a page, by m3ter.
TRANSACTIONS_MAX = 200
#: m3ter's makers of a transaction; here it is a USER or the SCHEDULER.
_ENTITY_TYPES = ("BILL", "COMMITMENT", "USER", "SERVICE_USER", "SCHEDULER")
TRANSACTION = answer_of(BalanceTransaction, TransactionShown)
_TYPE_ID, _ENTITY_ID, _ENTITY_TYPE = Text("transactionTypeId"), Text("entityId"), Choice("entityType", _ENTITY_TYPES)


@router.post("/balances/{id}/transactions", response_model=TRANSACTION)
async def transact(
    call: Caller, id: str, sent: Annotated[Sent[BalanceTransaction], Depends(Body(BalanceTransaction))]
) -> Response:
    """Put credit on a balance, or take it off."""

    async def work(turn: Turn) -> dict[str, Any]:
        done = await turn.execute(TransactBalance(id, sent.read().body, str(uuid4()), turn.now))
        return _transaction_document(done.events[0])

    return await once(call, sent, work)


class _Listed(NamedTuple):
    """A transaction with its sort key: the day on which it was made, then the position in the event store."""

    sort_key: int
    document: dict[str, Any]


@router.get("/balances/{id}/transactions", response_model=listed(TRANSACTION))
async def transactions(
    call: Caller,
    id: str,
    page: Annotated[Page, Depends(Paging(TRANSACTIONS_MAX))],
    type_id: Annotated[str | None, Depends(_TYPE_ID)],
    entity_id: Annotated[str | None, Depends(_ENTITY_ID)],
    entity_type: Annotated[str | None, Depends(_ENTITY_TYPE)],
    as_of: Annotated[date | None, Depends(AS_OF)],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """A balance's transactions, newest first; those of schedules from their day on.

    Extensions: `asOf` leaves out transactions applied after a day, `knownAt` those unknown at a moment.
    """
    given = {"transactionTypeId": type_id, "entityId": entity_id, "entityType": entity_type}
    wanted = only_given(given)
    then = (as_of, known_at)
    every = await (
        _newest_first(call, id, wanted, page) if then == (None, None) else _newest_first_then(call, id, wanted, *then)
    )
    matching = (entry for entry in every if wanted.items() <= entry.document.items())
    entries = page.fetched_of(matching, lambda entry: entry.sort_key)
    return page.answer([entry.document for entry in page.shown(entries)], entries, lambda entry: entry.sort_key)


async def _newest_first(call: Call, id: str, wanted: Mapping[str, str], page: Page) -> Iterator[_Listed]:
    """The balance's transactions, newest first. There may be very many scheduled ones, so only those are made that may
    be on the page.
    """
    events = [envelope for _, envelope in await stream_of(call, "balance", id)]
    posted = [event for event in events if isinstance(event.data, BalanceTransacted)]
    async with call.reading() as connection:
        resources = await load_balance(connection, await call.configured(connection), id)
    balance = resources.balances.get(id)
    if balance is None:  # the balance is deleted: it only has its posted transactions
        return (_Listed(event.sequence, _transaction_document(event)) for event in reversed(posted))
    of = OfBalance(resources, balance)
    today = await day_of(call.postgres, resources, resources.accounts[balance.body.account_id], balance)
    made = (
        _Listed(_sort_key(local_day(event.time, of.zone), event.sequence), _transaction_document(event))
        for event in posted
    )
    every: list[Iterable[_Listed]] = [sorted(made, reverse=True, key=_sort_key_of)]
    through = today if page.before is None else min(today, date.fromordinal(max(1, page.before // _POSITIONS_OF_A_DAY)))
    if wanted.get("entityType") in (None, "SCHEDULER"):
        schedules = schedules_of(resources, balance)
        every += [
            _topped_up(of, schedule, through) for schedule in schedules if wanted.get("entityId") in (None, schedule.id)
        ]
    return merge(*every, key=_sort_key_of, reverse=True)


async def _newest_first_then(
    call: Call, id: str, wanted: Mapping[str, str], as_of: date | None, known_at: datetime | None
) -> Iterator[_Listed]:
    """The transactions paid in by a day, as known at a moment."""
    family = await family_known(call, "balance", id, as_of, known_at)
    balance = family.resources.balances.get(id)
    if balance is None:
        raise UnknownResource(kind="balance", id=id)
    of, through = OfBalance(family.resources, balance), as_of or family.today
    # The balance's transactions then are those of its first events that are transactions, in the same order.
    posted = [event for _, event in await stream_of(call, "balance", id) if isinstance(event.data, BalanceTransacted)]
    made = (
        _Listed(_sort_key(local_day(event.time, of.zone), event.sequence), _transaction_document(event))
        for event, fact in zip(posted, balance.transactions, strict=False)
        if as_of is None or fact.date <= as_of
    )
    every: list[Iterable[_Listed]] = [sorted(made, reverse=True, key=_sort_key_of)]
    if wanted.get("entityType") in (None, "SCHEDULER"):
        every += [_topped_up(of, schedule, through) for schedule in schedules_of(family.resources, balance)]
    return merge(*every, key=_sort_key_of, reverse=True)


def _topped_up(of: OfBalance, schedule: ScheduleEntity[Any], through: date) -> Iterator[_Listed]:
    for topped in topped_up(of, schedule, through):
        yield _Listed(_sort_key(topped.day, schedule.position), topped.document(of.zone))


#: Above every position of the event store: a sort key is the day times this, plus the position.
_POSITIONS_OF_A_DAY = 10**12


def _sort_key(day: date, position: int) -> int:
    """A unique key: a position of the event store belongs to one transaction, or to one schedule's creation."""
    return day.toordinal() * _POSITIONS_OF_A_DAY + position


def _sort_key_of(entry: _Listed) -> int:
    return entry.sort_key


def _transaction_document(envelope: Envelope) -> dict[str, Any]:
    fact = envelope.data
    assert isinstance(fact, BalanceTransacted)
    return {
        "id": fact.transaction_id,
        "version": 1,
        **body_document(fact.details),
        "entityType": "USER",
        "dtCreated": envelope.time,
        "dtLastModified": envelope.time,
        "createdBy": shown(envelope.actor),
        "lastModifiedBy": shown(envelope.actor),
    }


@router.get("/balances/{id}/transactions/summary", response_model=BalanceSummary)
async def summary(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(AS_OF)],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """Credits and debits by transaction, the amounts drawn in and after the term, and the amount that lapsed.

    All of it comes from one settlement, of all arrived usage, like the balance's own derived fields. Extensions: as of
    a day, and as known at a moment.
    """
    if (as_of, known_at) != (None, None):
        family = await family_known(call, "balance", id, as_of, known_at)
        if (of_then := family.resources.balances.get(id)) is None:
            raise UnknownResource(kind="balance", id=id)
        return answer(await compute(call.organization, lambda: summary_document(of_then, family.settled(as_of), as_of)))
    loaded = await family_of(call, await _account_of(call, id))
    balance = loaded.resources.balances.get(id)
    if balance is None:  # it was deleted meanwhile
        raise UnknownResource(kind="balance", id=id)
    return answer(await compute(loaded.organization, _summary, loaded, balance))


def _summary(loaded: LoadedFamily, balance: BalanceEntity) -> dict[str, Any]:
    return summary_document(balance, settled(loaded.family, loaded.today))


def summary_document(balance: BalanceEntity, settlement: Settlement, through: date | None = None) -> dict[str, Any]:
    """The summary by m3ter's names, of transactions applied through the day; no amount is negative.

    Credits less debits equal `balanceConsumed`, `rolloverConsumed`, `expiredBalanceAmount` and the amount that can
    still be drawn.
    """
    [fund] = [fund for fund in settlement.terms.funds if fund.id == balance.id]
    posted = [fact.amount for fact in balance.transactions if through is None or max(fact.date, fund.start) <= through]
    draws = [draw for draw in settlement.draws if draw.agreement_id == balance.id]
    state = settlement.balances[balance.id]
    with localcontext(EXACT):
        debits = -sum((amount for amount in posted if amount < 0), Decimal(0))
        amounts = {
            "initialCreditAmount": _initial(fund, posted, settlement),
            "totalCreditAmount": state.amount + state.top_ups + debits,
            "totalDebitAmount": debits,
            "balanceConsumed": sum((draw.amount for draw in draws if not draw.rolled_over), Decimal(0)),
            "expiredBalanceAmount": state.amount_lapsed,
        }
        if balance.body.rollover_end_date is not None:
            amounts["rolloverConsumed"] = sum((draw.amount for draw in draws if draw.rolled_over), Decimal(0))
    return {name: Decimal(plain(amount)) for name, amount in amounts.items()}


def _initial(fund: Fund, posted: Sequence[Decimal], settlement: Settlement) -> Decimal:
    """The first posted credit; without one, the first scheduled credit."""
    credit = next((amount for amount in posted if amount > 0), None)
    if credit is not None:
        return credit
    first = next(fund.paid_in.steps(settlement.through), None)
    return Decimal(0) if first is None else fund.rounding.decimal(first[1])


async def _account_of(call: Call, id: str) -> str:
    """The account of the balance. Raises: UnknownResource."""
    async with call.reading() as connection:
        balance = await existing(connection, call.organization, KINDS["balance"], id)
    account_id: str = balance.body.account_id
    return account_id
