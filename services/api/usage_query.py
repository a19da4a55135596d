"""POST usage/query: sums of usage by account, span of days and dimension, from stored totals."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from fastapi import Depends
from pydantic import Field, model_validator
from starlette.responses import Response

from events.dates import EARLIEST, LATEST
from events.resources.base import Code, Day, Id, Model
from events.resources.bounds import MANY, TABLE, UsageText, items
from events.resources.catalog import FIELDS_MAX, NUMBERS, AggregationFunction, Meter
from projections.aggregates import shown
from projections.entities import Entity
from projections.usage_sources import TOLD_BY, source_of
from services.api.calls import Call, Caller, organization_router
from services.api.sent import Body, Sent
from services.api.shown import Shown
from services.api.wire import answer
from services.billing.stored_bills import read_names
from services.commands.catalog_rules import category_of
from services.commands.refused import InvalidField
from services.readside.live import reading_live
from services.readside.usage_sums import Span, SumAsked, SumKey, after, merged, read_sums
from services.store.listing import aggregations_of, referred_to

router = organization_router("usage")
#: Most rows of an answer, like m3ter's.
ROWS_MAX = 20_000
_OF_DIMENSIONS: tuple[AggregationFunction, ...] = ("COUNT", "UNIQUE")


class AskedAggregation(Model):
    """A function of a meter's field."""

    field_code: Code
    field_type: Literal["DIMENSION", "MEASURE"]
    function: AggregationFunction
    meter_id: Id


class DimensionFilter(Model):
    """The values of a dimension that count."""

    field_code: Code
    meter_id: Id
    values: Annotated[tuple[UsageText, ...], items(MANY), Field(min_length=1)]


class Group(Model):
    """A property to group by: the account, spans of days (`frequency`), or the values of a dimension (`fieldCode`)."""

    group_type: Literal["ACCOUNT", "DIMENSION", "TIME"]
    frequency: Literal["DAY", "HOUR", "WEEK", "MONTH", "QUARTER"] | None = None
    field_code: Code | None = None
    meter_id: Id | None = None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.group_type == "TIME" and self.frequency is None:
            raise ValueError("frequency: is required with groupType TIME")
        if self.frequency == "HOUR":
            raise ValueError("frequency: HOUR is not kept, for usage is added up by day; DAY, WEEK, MONTH, QUARTER are")
        if self.group_type == "DIMENSION" and self.field_code is None:
            raise ValueError("fieldCode: is required with groupType DIMENSION")
        return self


class UsageQuery(Model):
    """POST usage/query. Days are those of each account's zone; `endDate` is exclusive."""

    account_ids: Annotated[tuple[Id, ...], items(TABLE)] | None = None
    meter_ids: Annotated[tuple[Id, ...], items(MANY)] | None = None
    aggregations: Annotated[tuple[AskedAggregation, ...], Field(min_length=1), items(FIELDS_MAX)]
    dimension_filters: Annotated[tuple[DimensionFilter, ...], items(FIELDS_MAX)] = ()
    groups: Annotated[tuple[Group, ...], items(FIELDS_MAX)] = ()
    start_date: Day = EARLIEST
    end_date: Day = LATEST
    limit: Annotated[int, Field(ge=1, le=ROWS_MAX)] = ROWS_MAX

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        groups = [group.field_code if group.group_type == "DIMENSION" else group.group_type for group in self.groups]
        filters = [filter.field_code for filter in self.dimension_filters]
        for name, given in (("groups", groups), ("dimensionFilters", filters)):
            if len(set(given)) < len(given):
                raise ValueError(f"{name}: must not name the same twice")
        return self

    @property
    def span(self) -> Span | None:
        """The span that days are grouped into; None: days are not grouped."""
        frequency = next((group.frequency for group in self.groups if group.group_type == "TIME"), None)
        return None if frequency == "HOUR" else frequency

    @property
    def fields(self) -> tuple[str, ...]:
        """The dimensions to group by."""
        return tuple(group.field_code for group in self.groups if group.field_code and group.group_type == "DIMENSION")

    @property
    def by_account(self) -> bool:
        """Whether to group by account."""
        return any(group.group_type == "ACCOUNT" for group in self.groups)


class UsageValue(Shown):
    """The value of a requested aggregation."""

    meter_id: str
    field_code: str
    function: AggregationFunction
    value: Decimal


class UsageRow(Shown):
    """One group; its span of days is from `startDate` until before `endDate`."""

    account_id: str | None = None
    account_code: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    dimensions: dict[str, str] | None = None
    aggregations: tuple[UsageValue, ...]


class UsageAnswer(Shown):
    """The groups, newest first, then by account and dimension. A group without usage has no row, and an aggregation
    without usage no value.
    """

    data: tuple[UsageRow, ...]
    has_more_data: bool


@router.post("/usage/query", response_model=UsageAnswer)
async def query(call: Caller, sent: Annotated[Sent[UsageQuery], Depends(Body(UsageQuery))]) -> Response:
    """Sums of the projected usage; the log is not read."""
    async with call.reading():
        body = sent.read().body
    await call.waiter.until_commands_projected()
    async with reading_live(call.postgres) as connection:
        questions = await _questions(connection, call, body)
        answers = [await read_sums(connection, call.organization, question, body.limit + 1) for question in questions]
        keys = merged(answers)
        accounts = sorted({key.account_id for key in keys if key.account_id})
        names = await read_names(connection, call.organization, accounts)
    data = [_row(body, key, answers, names) for key in keys[: body.limit]]
    return answer({"data": data, "hasMoreData": len(keys) > body.limit})


async def _questions(connection: Any, call: Call, body: UsageQuery) -> list[SumAsked]:
    """The sum to compute for each aggregation. Raises: UnknownReference, InvalidField."""
    where, asked = (connection, call.organization), sorted({aggregation.meter_id for aggregation in body.aggregations})
    await referred_to(*where, "accountIds", "account", body.account_ids or ())
    await referred_to(*where, "meterIds", "meter", body.meter_ids or ())
    meters = await referred_to(*where, "aggregations.meterId", "meter", asked)
    aggregations = await aggregations_of(connection, call.organization, list(meters))
    _check_dimensions(body)
    return [
        _sum_of(body, number, meters[aggregation.meter_id].body, aggregations)
        for number, aggregation in enumerate(body.aggregations)
    ]


def _check_dimensions(body: UsageQuery) -> None:
    """Check that all aggregations are of the meter that groups and filters name, because these apply to every
    aggregation.

    Raises: InvalidField.
    """
    of_groups = [(f"groups[{number}]", group.meter_id) for number, group in enumerate(body.groups) if group.field_code]
    of_filters = [
        (f"dimensionFilters[{number}]", filter.meter_id) for number, filter in enumerate(body.dimension_filters)
    ]
    for field, meter_id in (*of_groups, *of_filters):
        if any(meter_id not in (None, aggregation.meter_id) for aggregation in body.aggregations):
            raise InvalidField(field=f"{field}.meterId", rule="must be the meter of every one of the aggregations")


def _sum_of(body: UsageQuery, number: int, meter: Meter, aggregations: Sequence[Entity[Any]]) -> SumAsked:
    """The sum over the totals of an aggregation that provides the requested values. Raises: InvalidField."""
    wanted, field = body.aggregations[number], f"aggregations[{number}]"
    if body.meter_ids is not None and wanted.meter_id not in body.meter_ids:
        raise InvalidField(field=f"{field}.meterId", rule="must be one of meterIds")
    _check_field(meter, wanted, field)
    only = {chosen.field_code: chosen.values for chosen in body.dimension_filters}
    source = source_of(aggregations, wanted.meter_id, wanted.field_code, wanted.function, {*body.fields, *only})
    if source is None:
        apart = " and ".join(dict.fromkeys((*body.fields, *only)))
        rule = f"no aggregation of the meter adds up {wanted.field_code} for {wanted.function}"
        rule += f" by {apart}" if apart else ""
        kinds = ", ".join(TOLD_BY[wanted.function])
        raise InvalidField(field=field, rule=f"{rule}; make one of {kinds}{' with segmentedFields' if apart else ''}")
    return SumAsked(
        source.id, wanted.function, body.start_date, body.end_date, body.account_ids, body.by_account, body.span,
        body.fields, only,
    )  # fmt: skip


def _check_field(meter: Meter, wanted: AskedAggregation, field: str) -> None:
    expected = "MEASURE" if category_of(meter, wanted.field_code, f"{field}.fieldCode") in NUMBERS else "DIMENSION"
    if wanted.field_type != expected:
        raise InvalidField(field=f"{field}.fieldType", rule=f"must be {expected}, as the meter has it")
    if expected == "DIMENSION" and wanted.function not in _OF_DIMENSIONS:
        raise InvalidField(field=f"{field}.function", rule=f"must be {' or '.join(_OF_DIMENSIONS)} for a DIMENSION")


def _row(
    body: UsageQuery, key: SumKey, answers: Sequence[Mapping[SumKey, Fraction]], names: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if key.account_id is not None:
        row |= {"accountId": key.account_id, "accountCode": names[key.account_id]["code"]}
    if key.start is not None and body.span is not None:
        row |= {"startDate": key.start, "endDate": after(key.start, body.span)}
    if body.fields:
        row["dimensions"] = dict(zip(body.fields, key.segment, strict=True))
    row["aggregations"] = [
        {
            "meterId": wanted.meter_id,
            "fieldCode": wanted.field_code,
            "function": wanted.function,
            "value": shown(sums[key]),
        }
        for wanted, sums in zip(body.aggregations, answers, strict=True)
        if key in sums
    ]
    return row
