"""End-dating: what of an account or a contract would still run at a day is to end there. Each is an ordinary update."""

import json
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from events.resources.base import Resource, moment_text
from projections.calendar import named_day
from projections.entities import Entity
from services.commands.bodies import described
from services.commands.kind import Kind, value_of
from services.commands.table import KINDS

R = TypeVar("R", bound=Resource)
#: m3ter's names of what can be ended, and the kinds that they stand for.
BillingEntity = Literal["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS", "COUNTER_PRICINGS"]
ENDED: dict[BillingEntity, Kind] = {
    "CONTRACT": KINDS["contract"],
    "ACCOUNTPLAN": KINDS["accountPlan"],
    "PREPAYMENT": KINDS["commitment"],
    "PRICINGS": KINDS["pricing"],
    "COUNTER_PRICINGS": KINDS["counterPricing"],
}
#: Kinds whose end is a day, whatever is sent; the others keep a date-time.
_DAYS = ("contract", "commitment")


def ended_body(kind: Kind, entity: Entity[R], end: date | datetime, zone: str) -> R | None:
    """The body with this end, a moment in days of the zone; None if it ends by then already.

    Raises: InvalidBody, for one that starts after it, say.
    """
    last = named_day(end, zone)
    held = value_of(entity.body, "endDate")
    if held is not None and named_day(held, zone) <= last:
        return None
    document = json.loads(entity.body.model_dump_json(by_alias=True, exclude_unset=True))
    document["endDate"] = moment_text(last if kind.name in _DAYS else end)
    return _read(type(entity.body), document)


def _read(model: type[R], document: dict[str, Any]) -> R:
    """As the log is read: a rule that came after the body was taken does not keep it from being ended."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise described(error) from None
