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

#: What holds for the event by now (None: it was voided) -> the fact, None if nothing is left to do.
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
    """The correction that holds now: the one that was decided, else the last before, which says the same; None if there
    is none, because the event came as it is to be.

    In a transaction under the organization's lock. Raises: UsageIsVoided, StreamMovedError, RecordTooLargeError.
    """
    before = await corrections_of(connection, usage, generations)
    fact = decide(stands_of(usage, before))
    if fact is None:
        return latest(before)
    place = usage.account_id, usage.partition
    stream, version = stream_of_usage(usage.event_id), len(before) + 1
    event = NewEvent(
        usage.organization, stream, version, fact, author.now, *place, author.correlation, actor=author.actor
    )
    [envelope] = await append(connection, [event], generations)
    return envelope


async def corrections_of(connection: Any, usage: LoggedUsage, generations: Generations) -> list[Envelope]:
    """All corrections of the event until now, in their order."""
    stream = stream_of_usage(usage.event_id)
    found = await read_stream(connection, usage.organization, stream, generations.commands)
    return [envelope for _, envelope in found]
