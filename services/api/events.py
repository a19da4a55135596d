"""Events in m3ter's shape, from the event store: changes of resources, each with the resource before and after, and
alerts.

For authors of conditions, this module also lists the fields of each event's data.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from services.api.alerts import NAMES as ALERTS
from services.api.alerts import OF_NOTIFICATIONS, alert_fields, asked_of, is_about_alerts_alone
from services.api.as_known import KNOWN_AT, were_known
from services.api.calls import Call, Caller, organization_router
from services.api.event_documents import documents_at
from services.api.openapi import WireSchema
from services.api.paging import Page, Paging
from services.api.parameters import Flag, Query, Reader, Text, Texts
from services.api.shown import Shown, listed
from services.api.wire import answer
from services.commands.event_names import HAPPENINGS, NAMES, kind_named
from services.commands.refused import InvalidField, UnknownResource
from services.commands.table import KINDS
from services.store.alerts import alert_positions
from services.store.happened import EventsAsked, position_in, positions_of
from services.store.listing import SqlCondition

router = organization_router("events")
_NAMED, _ACCOUNT, _RESOURCE = ("eventName", "eventType"), "accountId", "resourceId"
#: The sides (`new`, `old`) of an event, by the end of its name.
_SIDES = {"created": ("new",), "updated": ("new", "old"), "deleted": ("old",)}
#: m3ter's names of JSON's types.
_WORDS = {"number": "double", "integer": "int", "object": "map"}
#: Fields that are not in the body.
_BESIDE = {
    **dict.fromkeys(("id", "orgId", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy"), "string"),
    "version": "int",
}
#: Fields that later facts add to a body, as in `services.api.funds.added_to`.
_ADDED: dict[type[Resource], dict[str, str]] = {kind.model: dict(kind.told) for kind in KINDS.values()}


class EventData(Shown):
    """The resource after and before the event, without settled fields."""

    new_dto: dict[str, Any] | None = None
    old_dto: dict[str, Any] | None = None


class EventContent(Shown):
    """What an event says."""

    event_name: str
    event_time: datetime
    event_data: EventData


class EventAnswer(Shown):
    """A change of a resource, or an alert. `eventType` is one of `events/types`, for alerts `Notification`.

    Events need no action, so `dtActioned`, which m3ter's clients require, is the event's own time.
    """

    id: str
    event_name: str
    event_type: str
    event_time: datetime
    dt_actioned: datetime
    m3ter_event: EventContent = Field(alias="m3terEvent")


class EventTypes(Shown):
    """Names of all events that there may be."""

    events: tuple[str, ...]


class EventFields(Shown):
    """The fields of an event's data, by the event's name: `new.amount` and its type."""

    events: dict[str, dict[str, str]]


class EventFilters(Reader[dict[str, Any]]):
    """The given filters of the list."""

    _TEXTS = (*_NAMED, _ACCOUNT, _RESOURCE, *OF_NOTIFICATIONS)

    def __init__(self) -> None:
        self._readers: list[Reader[Any]] = [*(Text(name) for name in self._TEXTS), Texts("ids")]
        self.schemas = {name: schema for reader in self._readers for name, schema in reader.schemas.items()}

    def read(self, query: Query) -> dict[str, Any]:
        given = {name: reader.read(query) for reader in self._readers for name in reader.schemas if name in query}
        if "ids" in given and len(given) > 1:
            raise InvalidField(field="ids", rule="cannot be used with other filters")
        return {name: value for name, value in given.items() if value}


@router.get("/events", response_model=listed(EventAnswer))
async def list_events(
    call: Caller,
    wanted: Annotated[dict[str, Any], Depends(EventFilters())],
    actioned: Annotated[bool, Depends(Flag("includeActioned"))],
    page: Annotated[Page, Depends(Paging())],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """Changes of resources, and alerts, newest first; with `knownAt` only those known at a moment.

    Events need no action, so the filter for actioned ones has no effect.
    """
    conditions = [] if known_at is None else [await were_known(call, known_at)]
    if "ids" in wanted:
        if conditions:
            raise InvalidField(field="ids", rule="cannot be used with other filters")
        return await _named(call, wanted["ids"], page)
    async with call.reading() as connection:
        positions = await _positions(connection, call, wanted, page, conditions)
    data = [event for _, event in await _documents(call, page.shown(positions))]
    return page.answer(data, positions, lambda position: position)


async def _named(call: Call, ids: Sequence[str], page: Page) -> Response:
    """A page of the events with these ids. Anything may stand in an id, so all are read before a page ends with one."""
    asked = {id.lower() for id in ids}
    found = [event for event in await _documents(call, _positions_in(ids)) if event[1]["id"] in asked]
    entries = page.fetched_of(found, lambda event: event[0])
    return page.answer([document for _, document in page.shown(entries)], entries, lambda event: event[0])


def _positions_in(ids: Sequence[str]) -> list[int]:
    return [position for position in {position_in(id) for id in ids} if position is not None]


@router.get("/events/types", response_model=EventTypes)
async def event_types(call: Caller) -> Response:
    """The names of all events."""
    async with call.reading():
        return answer({"events": [*ALERTS, *NAMES]})


@router.get("/events/fields", response_model=EventFields)
async def event_fields(call: Caller, name: Annotated[str | None, Depends(Text("eventName"))]) -> Response:
    """The fields of the data of all events, or of one."""
    async with call.reading():
        names = [fact for fact in (*ALERTS, *NAMES) if name in (None, "", fact)]
    return answer({"events": {fact: alert_fields(fact) if fact in ALERTS else _fields(fact) for fact in names}})


@router.get("/events/{id}", response_model=EventAnswer)
async def get_event(call: Caller, id: str) -> Response:
    """An event with the resource before and after it."""
    for _, document in await _documents(call, _positions_in([id])):
        if document["id"] == id.lower():
            return answer(document)
    raise UnknownResource(kind="event", id=id)


async def _positions(
    connection: Any, call: Call, wanted: Mapping[str, Any], page: Page, conditions: Sequence[SqlCondition]
) -> list[int]:
    alerts = asked_of(wanted)
    newest = (
        []
        if alerts is None
        else await alert_positions(connection, call.organization, alerts, page.before, page.fetched, conditions)
    )
    if is_about_alerts_alone(wanted):
        return newest
    names = {wanted[name] for name in _NAMED if name in wanted}
    happenings = [happening for happening in HAPPENINGS if names <= {happening.name}]
    question = EventsAsked(
        happenings, wanted.get(_ACCOUNT), wanted.get(_RESOURCE), page.before, page.fetched, conditions
    )
    newest += await positions_of(connection, call.organization, question)
    return sorted(newest, reverse=True)[: page.fetched]


async def _documents(call: Call, positions: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
    """The events at these positions, newest first, each with its own."""
    async with call.reading():
        generation = call.api.generations.commands
    return await documents_at(call.postgres, call.organization, positions, generation)


def _fields(name: str) -> dict[str, str]:
    kind = kind_named(name)
    return fields_of(OrganizationConfig if kind is None else kind.model, name)


def fields_of(model: type[Resource], name: str) -> dict[str, str]:
    """`new.amount` -> `double`, for an event of this name about a resource of this model; by field."""
    fields = _typed(model)
    return {f"{side}.{field}": fields[field] for side in _SIDES[name.rpartition(".")[2]] for field in sorted(fields)}


@cache
def _typed(model: type[Resource]) -> dict[str, str]:
    schema = model.model_json_schema(schema_generator=WireSchema)
    fields = {name: _word(member) for name, member in schema["properties"].items()}
    code = {"accountCode": "string"} if "accountId" in fields else {}
    return fields | code | _ADDED.get(model, {}) | _BESIDE


def _word(schema: dict[str, Any]) -> str:
    """The type of a member; a reference to another model has that model's members."""
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _word(option)
    kind = "object" if "$ref" in schema else str(schema.get("type", "string"))
    return _WORDS.get(kind, kind)
