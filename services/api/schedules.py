"""The paths of schedules, below the balance that each is for: create, get, list, replace, delete, and a preview of the
schedule's top-ups or fees, which stores nothing.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime
from typing import Annotated, Any
from uuid import uuid4, uuid5

from fastapi import APIRouter, Depends
from starlette.responses import Response

from events.envelope import NAMESPACE
from events.resources.balances import BalanceSchedule, BalanceTransactionSchedule
from projections.calendar import local_day
from projections.entities import Entity, ScheduleEntity, ScheduleTerm
from projections.resources import Resources
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.filters import Filters
from services.api.occurrences import OfBalance, coming_top_ups, fee_document, run_fields
from services.api.operations import summary_of
from services.api.paging import Page, Paging
from services.api.parameters import Day, Flag
from services.api.resources import existing
from services.api.schedule_answers import preview_of
from services.api.sent import Body, Sent
from services.api.shown import answer_of_kind, listed
from services.api.wire import answer, document_of
from services.commands.bodies import unread_of
from services.commands.filters import Equals
from services.commands.kind import Kind
from services.commands.messages import CreateResource, DeleteResource, UpdateResource
from services.commands.refused import UnknownResource
from services.commands.schedule_rules import SCHEDULES, check_schedule
from services.commands.table import KINDS
from services.store.execute import now_of
from services.store.listing import SqlCondition, condition_of, list_page
from services.store.loading import load_balance

Handler = Callable[..., Awaitable[Response]]
_FORCE, _EFFECTIVE = Flag("force"), Day("effectiveDate")
#: Most occurrences on a page of a preview, like m3ter's transactions.
_OCCURRENCES_MAX = 200


def schedule_router() -> APIRouter:
    """A router with the paths of every kind of schedule. Literal paths come before `/{id}`, which would match them,
    too.
    """
    router = organization_router()
    for kind in (KINDS[name] for name in SCHEDULES):
        shown = answer_of_kind(kind)
        routes: list[tuple[str, str, str, Callable[[Kind], Handler], Any]] = [
            ("create", "POST", "", _create, shown),
            ("list", "GET", "", _list, listed(shown)),
            ("preview", "POST", "/preview", _preview, preview_of(kind)),
            ("get", "GET", "/{id}", _get, shown),
            ("update", "PUT", "/{id}", _update, shown),
            ("delete", "DELETE", "/{id}", _delete, shown),
        ]
        for operation, method, tail, maker, model in routes:
            router.add_api_route(
                f"/balances/{{balanceId}}/{kind.path}{tail}",
                maker(kind),
                methods=[method],
                name=f"{operation} {kind.name}",
                summary=summary_of(operation, kind),
                tags=[kind.path],
                response_model=model,
            )
    return router


def _body(kind: Kind, *, update: bool = False) -> Body[BalanceSchedule]:
    model, unread, in_path = kind.model, unread_of(kind), ("balanceId",)
    assert issubclass(model, BalanceSchedule)
    if not update:
        return Body(model, unread, in_path=in_path)
    unread = tuple(name for name in unread if name != "version")
    return Body(model, unread, version="required", dated=True, in_path=in_path, title=f"{model.__name__}Update")


def _create(kind: Kind) -> Handler:
    async def create(
        call: Caller, balanceId: str, sent: Annotated[Sent[BalanceSchedule], Depends(_body(kind))]
    ) -> Response:
        async def work(turn: Turn) -> dict[str, Any]:
            await existing(turn.connection, call.organization, KINDS["balance"], balanceId)
            id, body = str(uuid4()), sent.read(balanceId=balanceId).body
            done = await turn.execute(CreateResource(kind.name, id, body, turn.now))
            return _document(done.after, kind.held(done.after)[id], turn.now)

        return await once(call, sent, work)

    return create


def _update(kind: Kind) -> Handler:
    async def update(
        call: Caller,
        balanceId: str,
        id: str,
        sent: Annotated[Sent[BalanceSchedule], Depends(_body(kind, update=True))],
    ) -> Response:
        """Top-ups and fees before `effectiveDate` keep the present terms; by default those of today do, too."""

        async with in_turn(call) as turn:
            await _existing(turn.connection, call, kind, balanceId, id)
            given = sent.read(balanceId=balanceId)
            command = UpdateResource(kind.name, id, given.body, given.version, turn.now, given.effective)
            done = await turn.execute(command)
            document = _document(done.after, kind.held(done.after)[id], turn.now)
        return answer(document)

    return update


def _delete(kind: Kind) -> Handler:
    async def delete(
        call: Caller,
        balanceId: str,
        id: str,
        force: Annotated[bool, Depends(_FORCE)],
        effective: Annotated[date | None, Depends(_EFFECTIVE)],
    ) -> Response:
        """Top-ups and fees before `effectiveDate` stay, by default those of today, too; with `force` none stay."""

        async with in_turn(call) as turn:
            schedule = await _existing(turn.connection, call, kind, balanceId, id)
            done = await turn.execute(DeleteResource(kind.name, id, force, False, turn.now, effective))
            document = _document(done.after, schedule, turn.now)
        return answer(document)

    return delete


def _get(kind: Kind) -> Handler:
    async def get_one(call: Caller, balanceId: str, id: str) -> Response:
        async with call.reading() as connection:
            schedule = await _existing(connection, call, kind, balanceId, id)
            resources = await _with_balance(call, connection, balanceId)
        return answer(_document(resources, schedule, now_of(resources)))

    return get_one


def _list(kind: Kind) -> Handler:
    filters, paging = Filters(kind.filters), Paging(kind.page_size_max)

    async def list_some(
        call: Caller,
        balanceId: str,
        wanted: Annotated[list[SqlCondition], Depends(filters)],
        page: Annotated[Page, Depends(paging)],
    ) -> Response:
        async with call.reading() as connection:
            resources = await _with_balance(call, connection, balanceId)
            of_balance = condition_of(Equals("balanceId"), balanceId)
            conditions = [of_balance, *wanted, *page.older("e.position")]
            entities = await list_page(connection, call.organization, kind.name, conditions, page.fetched)
        now = now_of(resources)
        data = [_document(resources, entity, now) for entity in page.shown(entities)]
        return page.answer(data, entities, lambda entity: entity.position)

    return list_some


def _preview(kind: Kind) -> Handler:
    paging = Paging(_OCCURRENCES_MAX, oldest_first=True)

    async def preview(
        call: Caller,
        balanceId: str,
        sent: Annotated[Sent[BalanceSchedule], Depends(_body(kind))],
        page: Annotated[Page, Depends(paging)],
    ) -> Response:
        """The schedule as it would be, and in `data` all top-ups or fees that it would give, by day; nothing is
        stored.
        """
        async with call.reading() as connection:
            resources = await _with_balance(call, connection, balanceId)
        body = sent.read(balanceId=balanceId).body
        check_schedule(resources, body)
        now = now_of(resources)
        id = str(uuid5(NAMESPACE, f"preview/{call.organization}/{balanceId}/{body.model_dump_json()}"))
        schedule = ScheduleEntity(id, 1, body, 0, 0, now, now, (ScheduleTerm(date.min, body),))
        entries = page.fetched_of(_coming(OfBalance(resources, resources.balances[balanceId]), schedule, page), _day)
        document = _document(resources, schedule, now)
        shown = page.document([document for _, document in page.shown(entries)], entries, _day)
        return answer(document | shown)

    return preview


def _coming(of: OfBalance, schedule: ScheduleEntity[Any], page: Page) -> Iterator[tuple[date, dict[str, Any]]]:
    """All top-ups or fees after the page's token, each with its day."""
    after = date.fromordinal(min(max(page.before or 1, 1), date.max.toordinal()))
    if isinstance(schedule.body, BalanceTransactionSchedule):
        for topped in coming_top_ups(of, schedule, after):
            yield topped.day, topped.document(of.zone)
    else:
        for fee in of.fees(schedule, after):
            yield fee.due, fee_document(of, schedule, fee)


def _day(entry: tuple[date, Any]) -> int:
    return entry[0].toordinal()


def _document(resources: Resources, schedule: Entity[Any], now: datetime) -> dict[str, Any]:
    """The schedule as the wire shows it, with the days of its last and next run."""
    assert isinstance(schedule, ScheduleEntity)
    of = OfBalance(resources, resources.balances[schedule.body.balance_id])
    return document_of(schedule, run_fields(of, schedule, local_day(now, of.zone)))


async def _existing(connection: Any, call: Call, kind: Kind, balance_id: str, id: str) -> ScheduleEntity[Any]:
    """The schedule, if it belongs to the balance. Raises: UnknownResource."""
    schedule = await existing(connection, call.organization, kind, id)
    assert isinstance(schedule, ScheduleEntity)
    if schedule.body.balance_id != balance_id:
        raise UnknownResource(kind=kind.name, id=id)
    return schedule


async def _with_balance(call: Call, connection: Any, id: str) -> Resources:
    """The configuration, the balance and its account. Raises: UnknownResource."""
    resources = await load_balance(connection, await call.configured(connection), id)
    if id not in resources.balances:
        raise UnknownResource(kind="balance", id=id)
    return resources
