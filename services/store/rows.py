"""Decodes rows of the event store: a row of `store.events` is an envelope, a row of the command side's view a body.

A newer version of Trueup may have written them while this one still runs beside it. Both failures are temporary:
another process understands the row, or this one will be replaced.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from events.codec import NewerRecordError, upcast
from events.envelope import Envelope, seal
from events.facts import FACTS
from events.resources.base import Resource
from events.sources import commands_source
from services.failures import ExpectedFailure, Passing, Worded
from services.words import rule_of

R = TypeVar("R", bound=Resource)
COLUMNS = (
    "position, organization, account, type, schema_version, time, correlation, causation, actor, data, route, partition"
)


class NewerEventError(Worded, ExpectedFailure, Passing):
    """event {position} of the store is of a newer version of Trueup: {why}"""


class NewerResourceError(Worded, ExpectedFailure, Passing):
    """{kind} {id} was written by a newer version of Trueup than this process is of: {why}"""


def envelope_of(row: Mapping[str, Any], generation: str) -> Envelope:
    """The event as the log carries it: source `commands/<generation>`, sequence the position.

    Raises: NewerEventError.
    """
    try:
        data = upcast(row["type"], row["schema_version"], json.loads(row["data"], parse_float=Decimal))
    except NewerRecordError as error:
        raise NewerEventError(position=row["position"], why=error) from error
    return seal(
        FACTS[row["type"]].model_validate(data),
        source=commands_source(generation),
        sequence=row["position"],
        organization=row["organization"],
        account=row["account"],
        time=row["time"],
        correlation=row["correlation"],
        causation=row["causation"],
        actor=row["actor"],
    )


def body_of(row: Mapping[str, Any], model: type[R]) -> R:
    """The body in a row of the command side's view, written by this or an older version.

    Raises: NewerResourceError.
    """
    try:
        return model.model_validate(json.loads(row["body"]))
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))} {rule_of(first)}"
        raise NewerResourceError(kind=row["kind"], id=row["id"], why=why) from error
