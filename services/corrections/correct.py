"""The corrections of an event, in a stream of its own: read, and appended to. Also the list of an organization's
corrections, newest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.envelope import Envelope
from events.facts.corrections import UsageCorrection
from services.commands.correction_rules import LoggedUsage, latest
from services.store.events import NewEvent, append, read_stream
from services.store.generations import Generations
from services.store.listing import SqlCondition, all_placed
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of_usage

#: The status that a correction gives its event -> the fact's type.
TYPES = {"VOIDED": "UsageVoided", "AMENDED": "UsageAmended"}
_OF_TYPE = f"SELECT {COLUMNS} FROM store.events e WHERE e.organization = $1 AND e.type = "


@dataclass(frozen=True, slots=True)
class Author:
    """The time, actor and request of a correction."""

    now: datetime
    actor: str | None
    correlation: str | None


async def correct(
    connection: Any,
    usage: LoggedUsage,
    earlier: Sequence[Envelope],
    fact: UsageCorrection | None,
    author: Author,
    generations: Generations,
) -> Envelope | None:
    """Append the decided correction after the `earlier` ones, and return the event's last correction: this one, or the
    earlier one with the same effect if there was nothing to do (`fact` is None); None if the event was never corrected.

    In a transaction under the organization's lock. Raises: StreamMovedError, RecordTooLargeError.
    """
    if fact is None:
        return latest(earlier)
    correction = NewEvent(
        usage.organization,
        stream_of_usage(usage.event_id),
        len(earlier) + 1,
        fact,
        author.now,
        usage.account_id,
        usage.partition,
        author.correlation,
        actor=author.actor,
    )
    [envelope] = await append(connection, [correction], generations)
    return envelope


async def corrections_of(connection: Any, usage: LoggedUsage, generations: Generations) -> list[Envelope]:
    """All corrections of the event until now, in their order."""
    stream = stream_of_usage(usage.event_id)
    events = await read_stream(connection, usage.organization, stream, generations.commands)
    return [envelope for _, envelope in events]


@dataclass(frozen=True, slots=True)
class ListedCorrection:
    """A correction: its position in the event store, its account's partition, and its fact."""

    position: int
    partition: int
    envelope: Envelope


async def corrections(
    connection: Any,
    organization: str,
    statuses: Sequence[str],
    conditions: Sequence[SqlCondition],
    size: int,
    generation: str,
) -> list[ListedCorrection]:
    """Up to `size` corrections with one of these statuses that fulfil the conditions on events `e`.

    Each type takes one look into the index, so no more corrections are read than are shown.
    """
    arguments: list[Any] = [organization]
    rest = f"{all_placed(conditions, arguments)} ORDER BY e.position DESC LIMIT {size}"
    parts = " UNION ALL ".join(f"({_OF_TYPE}'{TYPES[status]}'{rest})" for status in statuses)
    rows = await connection.fetch(f"SELECT * FROM ({parts}) AS found ORDER BY position DESC LIMIT {size}", *arguments)
    return [ListedCorrection(row["position"], row["partition"], envelope_of(row, generation)) for row in rows]
