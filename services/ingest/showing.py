"""Metrics and logs of a poll of a partition once it is fully written: counts by disposition, and a log line if records
were refused.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from events.topics import HELD_HEADER, OFFSET_HEADER, REASON_HEADER, USAGE
from services.ingest.batch import PollOutcome
from services.refusals.rejected_record import organization_of
from services.sight.metrics import APPEND, HELD, REFUSED
from services.sight.metrics import USAGE as COUNTED
from services.sight.tracing import TRACES

log = structlog.get_logger(__name__)
DISPOSITIONS = ("rated", "duplicate", "rejected", "rerouted")


def show(outcome: PollOutcome, is_known: Callable[[str], object]) -> None:
    """Count the poll. `is_known`: whether the organization exists.

    Names of unknown organizations are counted together; otherwise a publisher could create as many metric series as it
    invents names.
    """
    for name in DISPOSITIONS:
        COUNTED.labels(name).inc(getattr(outcome.counts, name))
    refused, offsets = Counter[tuple[str, str, bool]](), list[int]()
    for record in outcome.rejected:
        headers = {name: value or b"" for name, value in record.headers}
        organization = organization_of(record.key, record.value, headers)
        label = organization if organization is not None and is_known(organization) else ""
        refused[label, headers[REASON_HEADER].decode(), HELD_HEADER in headers] += 1
        offsets.append(int(headers[OFFSET_HEADER]))
    for (organization, reason, is_held), count in refused.items():
        (HELD if is_held else REFUSED).labels(organization, reason).inc(count)
        # `usage.rejected` has the single records; a log line for each would let a publisher fill a disk.
        (log.info if is_held else log.warning)(
            "usage_held" if is_held else "usage_rejected",
            organization=organization,
            reason=reason,
            count=count,
            partition=outcome.partition,
            offset=min(offsets),
            to_offset=max(offsets),
        )


@contextmanager
def writing(outcomes: Mapping[int, PollOutcome]) -> Iterator[None]:
    """Times the block, which writes a poll, and makes it part of the poll's trace spans."""
    try:
        with APPEND.time():
            yield
    except BaseException as error:
        _trace(outcomes, type(error).__name__)
        raise
    _trace(outcomes)


def _trace(outcomes: Mapping[int, PollOutcome], error: str | None = None) -> None:
    """Write a span for each partition of a poll that holds traced usage; `error`: it was not written."""
    for outcome in outcomes.values():
        if outcome.traced.contexts:
            counts = {f"trueup.{name}": int(getattr(outcome.counts, name)) for name in DISPOSITIONS}
            attributes: dict[str, str | int] = {
                "messaging.destination.name": USAGE,
                "messaging.destination.partition.id": str(outcome.partition),
                "messaging.batch.message_count": sum(counts.values()),
                "trueup.next_offset": outcome.counts.next_offset,
            }
            TRACES.batch("ingest usage", outcome.traced, attributes | counts, error)
