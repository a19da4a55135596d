"""Events as the wire shows them, in lists and to webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from events.absent import only_given
from events.facts.resources import ResourceFact
from projections.entities import Entity
from services.api.alerts import alert_document
from services.api.wire import document_of
from services.billing.stored_bills import read_names
from services.commands.event_names import name_of
from services.concurrency import compute
from services.postgres import Postgres
from services.store.alerts import alerts_at
from services.store.happened import Happened, happened, read_history


async def documents_at(
    postgres: Postgres, organization: str, positions: Sequence[int], generation: str
) -> list[tuple[int, dict[str, Any]]]:
    """The events at these positions, newest first, each with its position. No connection is held while they are
    folded.
    """
    async with postgres.connection() as connection:
        history = await read_history(connection, organization, positions)
        alerts = await alerts_at(connection, organization, positions, generation)
    happenings = await compute(organization, happened, history, generation)
    owners = {getattr(entity.body, "account_id", None) for event in happenings for entity in _states(event).values()}
    async with postgres.connection() as connection:
        names = await read_names(connection, organization, sorted(owner for owner in owners if owner))
    placed = [(event.envelope.sequence, _document(organization, event, names)) for event in happenings]
    placed += [(alert.envelope.sequence, alert_document(organization, alert)) for alert in alerts]
    return sorted(placed, key=lambda pair: pair[0], reverse=True)


def _states(event: Happened) -> dict[str, Entity[Any]]:
    states = {"newDto": event.after, "oldDto": event.before}
    return only_given(states)


def _document(organization: str, event: Happened, names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    fact, time = event.envelope.data, event.envelope.time
    assert isinstance(fact, ResourceFact)
    name = name_of(fact)
    data = {state: _dto(organization, entity, names) for state, entity in _states(event).items()}
    content = {"eventName": name, "eventTime": time, "eventData": data}
    times = {"eventTime": time, "dtActioned": time}
    return {"id": event.id, "eventName": name, "eventType": name, **times, "m3terEvent": content}


def _dto(organization: str, entity: Entity[Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The resource as the wire shows it, with its account; a deleted account has no code."""
    code = names.get(getattr(entity.body, "account_id", None) or "", {}).get("code")
    return {"orgId": organization, **document_of(entity), **({"accountCode": code} if code else {})}
