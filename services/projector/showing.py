"""What is seen of a transaction of the projector."""

from collections.abc import Iterable, Mapping

from events.topics import EVENTS
from services.kafka import Polled
from services.sight.metrics import SETTLE, SETTLED, WRITE, WRITE_RECORDS
from services.sight.traceparent import Traced
from services.sight.tracing import TRACES, traced_log


def show_write(records: int, settled: int, seconds: float, settle_seconds: float) -> None:
    """One of so many records of the log, which settled so many families; one that had nothing to do is not told."""
    if not records and not settled:
        return
    WRITE.observe(seconds)
    SETTLE.observe(settle_seconds)
    WRITE_RECORDS.observe(records)
    SETTLED.inc(settled)


class Followed:
    """Usage that its publishers follow and that no transaction has written yet; nothing while traces are off."""

    def __init__(self) -> None:
        #: By partition, poll by poll.
        self._polls: dict[int, list[Traced]] = {}

    def folded(self, polled: Mapping[int, Polled]) -> None:
        """These records were taken into memory."""
        if not TRACES.on:
            return
        for partition, batch in polled.items():
            if (traced := traced_log(batch.records)).contexts:
                self._polls.setdefault(partition, []).append(traced)

    def forget(self, partitions: Iterable[int]) -> None:
        """What was read of these partitions is read again, here or elsewhere."""
        for partition in partitions:
            self._polls.pop(partition, None)

    def written(self, partitions: Iterable[int], records: int, settled: int) -> None:
        """That of these is in the read models: a transaction of so many records, which settled so many families."""
        for partition in partitions:
            polls = self._polls.pop(partition, [])
            if not polls:
                continue
            contexts = dict(pair for poll in polls for pair in poll.contexts.items())
            attributes: dict[str, str | int] = {
                "messaging.destination.name": EVENTS,
                "messaging.destination.partition.id": str(partition),
                "trueup.records": records,
                "trueup.settled": settled,
            }
            TRACES.batch("project usage", Traced(contexts, polls[0].begun_ns), attributes)
