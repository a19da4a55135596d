"""Decides a correction of an event in one transaction, and appends its fact to the event's own stream."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.envelope import Envelope
from events.facts.corrections import UsageCorrection, UsageFields
from services.commands.correction_rules import LoggedUsage, latest, stands_of, stream_of_usage
from services.store.events import NewEvent, append, read_stream
from services.store.generations import Generations

#: What is to be appended to an event that stands as it is given here (None: voided); None: nothing, it stands as asked.
Decide = Callable[[UsageFields | None], UsageCorrection | None]


@dataclass(frozen=True, slots=True)
class Author:
    """When, by whom and in which request something is corrected."""

    now: datetime
    actor: str | None
    correlation: str | None


async def correct(
    connection: Any, usage: LoggedUsage, decide: Decide, author: Author, generations: Generations
) -> Envelope | None:
    """Append what is decided, and return the event's last correction: this one, or where nothing was left to do the one
    that had done it before; None of an event that came as it is to be.

    In a transaction under the organization's lock. Raises: UsageIsVoided, StreamMovedError, RecordTooLargeError.
    """
    corrections = await corrections_of(connection, usage, generations)
    fact = decide(stands_of(usage, corrections))
    if fact is None:
        return latest(corrections)
    correction = NewEvent(
        usage.organization,
        stream_of_usage(usage.event_id),
        len(corrections) + 1,
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
