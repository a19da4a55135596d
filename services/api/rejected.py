"""Refused and held usage: listed with reasons, read byte for byte, and sent again once the cause is fixed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BeforeValidator, Field
from starlette.responses import Response

from events.absent import only_given
from events.dates import read_instant
from events.resources.base import Model
from events.resources.bounds import MANY, Text, items, rule
from services.access.scopes import Scope
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import once_by_itself
from services.api.filters import Conditions
from services.api.links import Link, link_to
from services.api.measurement_answers import DownloadUrl, RejectedPage, RejectedRecord, ReplayAnswer
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Instant, Reader, choice_rule
from services.api.parameters import Text as TextParameter
from services.api.sent import Body, Sent
from services.api.wire import answer
from services.commands.refused import InvalidField, UnknownResource
from services.kafka import FetchedRecord
from services.refusals import refused_usage
from services.refusals.held_usage import CAUSES
from services.refusals.refusal import Reason
from services.refusals.refused_usage import ListedRefusal
from services.refusals.replaying import read_records, replay_refused
from services.store.listing import SqlCondition

#: Most records that one request sends again.
REPLAY_MAX = 1_000
_KIND = "refused usage"
_REASONS = tuple(reason.value for reason in Reason)
#: The reasons for which records are held.
_WAITING = tuple(cause.reason.value for cause in CAUSES)
_OTHERS: dict[Reader[Any], str] = {
    TextParameter("accountCode"): refused_usage.IS_OF_ACCOUNT,
    TextParameter("meterCode"): refused_usage.IS_OF_METER,
    Instant("from"): refused_usage.REFUSED_FROM,
    Instant("to"): refused_usage.REFUSED_UNTIL,
}
_FILTERS = {Choice("reason", _REASONS): refused_usage.HAS_REASON, **_OTHERS}
_HELD_FILTERS = {Choice("reason", _WAITING): refused_usage.HAS_REASON, **_OTHERS}
_FILE = TextParameter("file")


_Moment = Annotated[datetime, BeforeValidator(read_instant)]


class ReplayBody(Model):
    """POST usage/rejected/replay: the records with these ids, or those that fulfil all other conditions; an empty
    object means all.
    """

    ids: Annotated[tuple[Text, ...], items(MANY), Field(min_length=1)] | None = None
    reason: Annotated[Text, rule(_REASONS.__contains__, choice_rule(_REASONS))] | None = None
    account_code: Text | None = None
    from_: _Moment | None = Field(None, alias="from")
    to: _Moment | None = None

    def conditions(self) -> list[SqlCondition]:
        """The conditions on rows of refused usage."""
        given = {
            refused_usage.IS_ONE_OF: None if self.ids is None else list(self.ids),
            # Records that were cut cannot be sent again; a request by id is told so, so they are not left out for it.
            refused_usage.IS_CUT: False if self.ids is None else None,
            refused_usage.HAS_REASON: self.reason,
            refused_usage.IS_OF_ACCOUNT: self.account_code,
            refused_usage.REFUSED_FROM: self.from_,
            refused_usage.REFUSED_UNTIL: self.to,
        }
        return [SqlCondition(sql, value) for sql, value in given.items() if value is not None]


router = organization_router("usage")


@router.get("/usage/rejected", response_model=RejectedPage)
async def list_rejected(
    call: Caller,
    wanted: Annotated[list[SqlCondition], Depends(Conditions(_FILTERS))],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Refused records that were not sent again since, newest first; a record that was refused several times is listed
    once.

    The first page gives their number, by reason.
    """
    return await _page(call, wanted, page, held=False)


@router.get("/usage/held", response_model=RejectedPage)
async def list_held(
    call: Caller,
    wanted: Annotated[list[SqlCondition], Depends(Conditions(_HELD_FILTERS))],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Records that wait for their account or their meter, newest first, until `heldUntil`. The first page gives their
    number, by reason. A record is read like a refused one: `usage/rejected/{id}`.
    """
    return await _page(call, wanted, page, held=True)


async def _page(call: Call, wanted: Sequence[SqlCondition], page: Page, *, held: bool) -> Response:
    conditions, organization = [*wanted, *page.older("position")], call.organization
    of = {"held": held}
    async with call.reading() as connection:
        rows = await refused_usage.page(connection, organization, conditions, page.fetched, newest_first=True, **of)
        counts = {"counts": await refused_usage.counts(connection, organization, wanted, **of)} if page.is_first else {}
    return page.answer([_document(listed) for listed in page.shown(rows)], rows, lambda listed: listed.position, counts)


@router.get("/usage/rejected/{id}", response_model=RejectedRecord)
async def get_rejected(call: Caller, id: str) -> Response:
    """One refused record, with its content."""
    listed, record = await _read(call, id)
    shown = {} if record is None else {"payload": (record.value or b"").decode(errors="replace")}
    return answer(_document(listed) | shown)


@router.get("/usage/rejected/{id}/bytes", responses={200: {"content": {"application/octet-stream": {}}}})
async def bytes_of(call: Caller, id: str, _link: Annotated[None, Depends(Link())]) -> Response:
    """The very bytes of a refused record, for a token, or by the link of getDownloadUrl."""
    _, record = await _read(call, id)
    if record is None:
        raise UnknownResource(kind=_KIND, id=id)
    return Response(record.value or b"", media_type="application/octet-stream")


@router.post("/usage/rejected/replay", response_model=ReplayAnswer)
async def replay(call: Caller, sent: Annotated[Sent[ReplayBody], Depends(Body(ReplayBody))]) -> Response:
    """Send refused records into `usage` again, the longest refused first; a record that is still wrong is refused
    again.
    """

    async def work() -> dict[str, Any]:
        wanted = sent.read().body
        async with call.postgres.connection() as connection:
            rows = await refused_usage.page(
                connection, call.organization, wanted.conditions(), REPLAY_MAX + 1, newest_first=False
            )
        api, chosen = call.api, [listed.row for listed in rows[:REPLAY_MAX]]
        done = await replay_refused(
            call.postgres, api.usage, api.cluster, call.organization, api.generations.partitions, chosen
        )
        unlisted = dict.fromkeys(set(wanted.ids or ()) - {row.id for row in chosen}, "is not on the list")
        left = [{"id": id, "message": message} for id, message in sorted((done.left | unlisted).items())]
        return {"replayed": len(done.sent), "left": left, "more": len(rows) > REPLAY_MAX}

    return await once_by_itself(call, sent, work)


@router.get("/measurements/failedIngest/getDownloadUrl", response_model=DownloadUrl)
async def download_url(call: Caller, file: Annotated[str | None, Depends(_FILE)]) -> Response:
    """Where the bytes of a refused record are, for a quarter of an hour and without a token; `file` is its id."""
    if not file:
        raise InvalidField(field="file", rule="is required: the id of a refused record, as usage/rejected lists it")
    await _listed(call, file)
    return answer({"url": link_to(call, f"/usage/rejected/{file}/bytes", Scope.AUDIT)})


async def _listed(call: Call, id: str) -> ListedRefusal:
    """The row of a refused record. Raises: UnknownResource."""
    async with call.reading() as connection:
        listed = await refused_usage.get(connection, call.organization, id)
    if listed is None:
        raise UnknownResource(kind=_KIND, id=id)
    return listed


async def _read(call: Call, id: str) -> tuple[ListedRefusal, FetchedRecord | None]:
    """The row and the record; None if the topic no longer has the record. Raises: UnknownResource,
    KafkaUnreachableError.
    """
    listed = await _listed(call, id)
    records = await read_records(call.api.cluster, [listed.row])
    return listed, records.get(id)


def _document(listed: ListedRefusal) -> dict[str, Any]:
    row = listed.row
    members = {
        "id": row.id,
        "reason": row.reason,
        "message": row.rule,
        "accountCode": row.account,
        "meterCode": row.meter,
        "uid": row.usage_id,
        "arrivedAt": row.arrived,
        "rejectedAt": row.refused,
        "replayedAt": listed.replayed,
        "heldUntil": row.held_until,
    }
    return only_given(members)
