"""`dataexplorer`: amounts of prepayments still to be billed, month by month, and commitments as a file."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import Annotated, Any, Literal, Self

from fastapi import Depends
from pydantic import Field, RootModel, model_validator
from starlette.responses import Response

from events.dates import EARLIEST, LATEST
from events.decimals import EXACT
from events.resources.base import Code, Model, Moment
from events.resources.bounds import MANY, Text, items
from projections.calendar import named_day
from projections.settlement.obligations import Obligation, obligations
from services.access.scopes import Scope
from services.api.answers import FileUrl
from services.api.calls import Call, Caller, organization_router
from services.api.links import Link, link_to
from services.api.parameters import Day, Texts, Whole
from services.api.resources import documents
from services.api.sent import Body, Sent
from services.api.shown import Shown, answer_of_kind, listed
from services.api.statuses import FileTooLargeError
from services.api.wire import answer, encode, raw_answer
from services.commands.filters import HasCode, IsOneOf, OnDay
from services.commands.refused import InvalidField
from services.commands.table import KINDS
from services.concurrency import compute
from services.readside.family_now import PageRows, iterate_prepaid_roots, loaded_page, read_page
from services.readside.live import reading_live
from services.store.listing import SqlCondition, condition_of, list_page

router = organization_router("dataexplorer")
#: Most months, or commitments, of an answer, by m3ter.
LIMIT_MAX = 2_000
#: Commitments of a file that are encoded at once, and the file's largest size: each may have a thousand fees.
_AT_ONCE, FILE_BYTES_MAX = 100, 32 * 1024 * 1024
_COMMITMENT = KINDS["commitment"]
_FILE = "/dataexplorer/commitments/download/json/file"
_START, _END, _ACCOUNTS = Day("startDate"), Day("endDate"), Texts("accountIds")
_LIMIT = Whole("limit", LIMIT_MAX, 1, LIMIT_MAX)


class Dimension(Model):
    """A filter on accounts, by code; empty for all. Several filters must all match. m3ter's `attributes` have no
    effect.
    """

    name: Literal["account"]
    filter: Annotated[tuple[Code, ...], items(MANY)] = ()
    attributes: Annotated[tuple[Text, ...], items(MANY)] = ()


class CommitmentsQuery(Model):
    """From `startDate` until before `endDate`.

    An instant stands for its day in the account's zone or, for a file, in the organization's.
    """

    start_date: Moment
    end_date: Moment
    dimensions: Annotated[tuple[Dimension, ...], items(MANY)] = ()
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_MAX

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if named_day(self.start_date, "UTC") > named_day(self.end_date, "UTC"):
            raise ValueError("startDate: must not be after endDate")
        return self


class MonthShown(Shown):
    """The unbilled amounts due in a month, `YYYY-MM`, by currency; a negative amount is to be refunded."""

    date_month: str
    obligations: dict[str, Decimal]


class MonthsShown(RootModel[tuple[MonthShown, ...]]):
    """Months in order."""


@router.post("/dataexplorer/commitments/obligations", response_model=MonthsShown)
async def list_obligations(
    call: Caller, sent: Annotated[Sent[CommitmentsQuery], Depends(Body(CommitmentsQuery))]
) -> Response:
    """The unbilled fees of prepayments (rules 6.20), by month, in order, without empty months."""
    body, accounts = await _read_question(call, sent)
    await call.waiter.until_commands_projected()
    months: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    async for root_ids in iterate_prepaid_roots(call.postgres, call.organization, accounts):
        async with reading_live(call.postgres) as connection:
            rows = await read_page(connection, call.organization, root_ids)
        due = await compute(call.organization, _of_page, rows, body, accounts)
        with localcontext(EXACT):
            for obligation in due:
                months[f"{obligation.due:%Y-%m}"][obligation.currency] += obligation.amount
    data = [{"dateMonth": month, "obligations": dict(sorted(months[month].items()))} for month in sorted(months)]
    return answer(data[: body.limit])


@router.post("/dataexplorer/commitments/download/json", response_model=FileUrl)
async def link_to_file(
    call: Caller, sent: Annotated[Sent[CommitmentsQuery], Depends(Body(CommitmentsQuery))]
) -> Response:
    """A link to the commitments that start in a span of days, as a file of JSON, newest first."""
    body, accounts = await _read_question(call, sent)
    async with call.reading() as connection:
        config = (await call.configured(connection)).configured
    assert config is not None  # the organization exists
    days = (max(EARLIEST, min(named_day(day, config.timezone), LATEST)) for day in (body.start_date, body.end_date))
    query = dict(zip(("startDate", "endDate"), days, strict=True)) | {"limit": body.limit}
    chosen = {} if accounts is None else {"accountIds": ",".join(accounts)}
    return answer({"downloadUrl": link_to(call, _FILE, Scope.READ, **query, **chosen)})


@router.get(_FILE, response_model=listed(answer_of_kind(_COMMITMENT)))
async def file(
    call: Caller,
    start: Annotated[date | None, Depends(_START)],
    end: Annotated[date | None, Depends(_END)],
    accounts: Annotated[list[str], Depends(_ACCOUNTS)],
    limit: Annotated[int, Depends(_LIMIT)],
    _link: Annotated[None, Depends(Link())],
) -> Response:
    """The file, for a token, or by the link of download/json."""
    parameters = call.request.query_params.keys()
    wanted = [
        *([] if start is None else [condition_of(OnDay("startDate", ">="), start.isoformat())]),
        *([] if end is None else [condition_of(OnDay("startDate", "<"), end.isoformat())]),
        *([condition_of(IsOneOf("accountId"), accounts)] if _ACCOUNTS.name in parameters else []),
    ]
    parts, size, older = list[bytes](), 0, list[SqlCondition]()
    while len(parts) < limit:
        async with call.reading() as connection:
            at_once = min(_AT_ONCE, limit - len(parts))
            entities = await list_page(connection, call.organization, _COMMITMENT.name, [*wanted, *older], at_once)
        for document in await documents(call, entities, tolerant=True):
            parts.append(encode(document))
            size += len(parts[-1])
            if size > FILE_BYTES_MAX:
                raise FileTooLargeError(bytes=FILE_BYTES_MAX)
        if len(entities) < at_once:
            break
        older = [SqlCondition("e.position < {}", entities[-1].position)]
    return raw_answer(b'{"data":[' + b",".join(parts) + b"]}")


async def _read_question(call: Call, sent: Sent[CommitmentsQuery]) -> tuple[CommitmentsQuery, list[str] | None]:
    """The query, and its accounts. Raises: errors of reading, InvalidField."""
    async with call.reading() as connection:
        body = sent.read().body
        return body, await _accounts_of(connection, call.organization, body)


async def _accounts_of(connection: Any, organization: str, body: CommitmentsQuery) -> list[str] | None:
    """Ids of the accounts that match all filters; None for all accounts. Raises: InvalidField."""
    chosen: set[str] | None = None
    for number, dimension in enumerate(body.dimensions):
        if not dimension.filter:
            continue
        with_code = condition_of(HasCode(), list(dimension.filter))
        named = await list_page(connection, organization, "account", [with_code], len(dimension.filter))
        unknown = set(dimension.filter) - {entity.body.code for entity in named}
        if unknown:
            rule = f"must be codes of accounts; {min(unknown)} is none"
            raise InvalidField(field=f"dimensions[{number}].filter", rule=rule)
        ids = {entity.id for entity in named}
        chosen = ids if chosen is None else chosen & ids
    return None if chosen is None else sorted(chosen)


def _of_page(rows: PageRows, body: CommitmentsQuery, accounts: Sequence[str] | None) -> list[Obligation]:
    """The commitments of some families within the span."""
    return [
        obligation
        for loaded in loaded_page(rows).values()
        for obligation in obligations(loaded.family, loaded.today, accounts)
        if named_day(body.start_date, obligation.zone) <= obligation.due < named_day(body.end_date, obligation.zone)
    ]
