"""Corrections of an organization's usage, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.envelope import Envelope
from services.store.listing import Condition, all_placed
from services.store.rows import COLUMNS, envelope_of

#: The status that a correction gives its event -> the fact's type.
TYPES = {"VOIDED": "UsageVoided", "AMENDED": "UsageAmended"}
_OF_TYPE = f"SELECT {COLUMNS} FROM store.events e WHERE e.organization = $1 AND e.type = "


@dataclass(frozen=True, slots=True)
class Listed:
    """A correction: its position in the event store, its account's partition, and its fact."""

    position: int
    partition: int
    envelope: Envelope


async def corrections(
    connection: Any,
    organization: str,
    statuses: Sequence[str],
    conditions: Sequence[Condition],
    size: int,
    generation: str,
) -> list[Listed]:
    """Up to `size` corrections that gave one of these statuses and fulfil the conditions on events `e`.

    A look into the index for each type: however many there are, no more are read than are shown.
    """
    arguments: list[Any] = [organization]
    rest = f"{all_placed(conditions, arguments)} ORDER BY e.position DESC LIMIT {size}"
    parts = " UNION ALL ".join(f"({_OF_TYPE}'{TYPES[status]}'{rest})" for status in statuses)
    rows = await connection.fetch(f"SELECT * FROM ({parts}) AS found ORDER BY position DESC LIMIT {size}", *arguments)
    return [Listed(row["position"], row["partition"], envelope_of(row, generation)) for row in rows]
