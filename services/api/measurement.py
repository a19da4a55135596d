"""A piece of usage as m3ter's clients send it: the model that OpenAPI has, with its bounds.

Who reads many of them fast is `measurement_bodies`; who makes them of a file is `services/importing`.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from events.decimals import Number
from events.resources.base import CODE_MAX, Code, Model
from events.resources.bounds import MANY, Text, UsageText, items
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.instants import parse_instant

ITEMS_MAX, UID_MAX = 1000, 50
#: m3ter's bound of an ingest request: its body has fewer bytes.
PAYLOAD_BYTES = 512_000
TIME_RULE = "must be an RFC 3339 date-time; one without an offset is UTC"


def time_of(text: str) -> str:
    """The text as ingest reads it: m3ter's clients send a time of no zone without an offset. Raises: ValueError."""
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
    """A meter's fields, in a map for each of their categories."""

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

    `source` is Trueup's own: who measured it, as a CloudEvent says it.
    """

    account: Code
    meter: Annotated[str, Field(min_length=1, max_length=CODE_MAX)]
    ts: Time
    uid: Annotated[str, _UID] | None = None
    ets: Time | None = None
    source: Annotated[str, _SOURCE] | None = None


class Measurements(Model):
    """What a client submits at once; it is taken as a whole or, with one refusal for all that is wrong, not at all."""

    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=ITEMS_MAX)]
