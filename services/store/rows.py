"""A row of `store.events` and the envelope it stands for."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from events.codec import NewerRecordError, upcast
from events.envelope import Envelope, seal
from events.facts import FACTS
from events.sources import commands_source
from services.store.newer import NewerEventError

COLUMNS = (
    "position, organization, account, type, schema_version, time, correlation, causation, actor, data, route, partition"
)


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
