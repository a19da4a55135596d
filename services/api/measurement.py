"""A measurement, the form in which m3ter's clients send usage: the model for OpenAPI, with its limits.

`measurement_bodies` reads many of them fast; `services/importing` makes them from a file.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from events.decimals import Number
from events.resources.base import CODE_MAX, Code, Model
from events.resources.bounds import MANY, Text, UsageText, items
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.instants import parse_instant

ITEMS_MAX, UID_MAX = 1000, 50
#: m3ter's limit of an ingest request, in bytes.
PAYLOAD_BYTES = 512_000
TIME_RULE = "must be an RFC 3339 date-time; one without an offset is UTC"


def time_of(text: str) -> str:
    """The time as ingest reads it: m3ter's clients send a time without an offset for UTC. Raises: ValueError."""
    for written in (text, f"{text}Z"):
        try:
            parse_instant(written)
        except ValueError:
            continue
        return written
    raise ValueError(TIME_RULE)


Time = Annotated[str, AfterValidator(time_of), Field(json_schema_extra={"format": "date-time"})]
_UID, _SOURCE = Field(min_length=1, max_length=UID_MAX), Field(min_length=1, max_length=MAX_SOURCE_LENGTH)
Numbers = Annotated[dict[Text, Number], items(MANY)]
Texts = Annotated[dict[Text, UsageText], items(MANY)]


class MeasuredFields(Model):
    """The values of a meter's fields, in one map for each category of fields."""

    measure: Numbers | None = None
    cost: Numbers | None = None
    income: Numbers | None = None
    who: Texts | None = None
    what: Texts | None = None
    where: Texts | None = None
    other: Texts | None = None
    metadata: Texts | None = None


class Measurement(MeasuredFields):
    """A piece of usage: `account` and `meter` are codes.

    `source` is an extension: the publisher of the measurement, as in a CloudEvent.
    """

    account: Code
    meter: Annotated[str, Field(min_length=1, max_length=CODE_MAX)]
    ts: Time
    uid: Annotated[str, _UID] | None = None
    ets: Time | None = None
    source: Annotated[str, _SOURCE] | None = None


class Measurements(Model):
    """The measurements of one request: all are accepted, or none, and then one refusal lists everything that is
    wrong.
    """

    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=ITEMS_MAX)]
