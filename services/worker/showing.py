"""What is seen of a worker, told once for each round of its loop: polls, lag, and which partitions stand still."""

from collections.abc import Mapping

from services.kafka import Polled
from services.sight.metrics import LAGS, PARTITIONS, POLL, POLL_RECORDS, STOPPED
from services.sight.pulse import PULSE
from services.worker.consumer import Fetching


def show_poll(polled: Mapping[int, Polled], seconds: float) -> None:
    """What a poll brought, and how long the handler was at it."""
    if polled:
        POLL_RECORDS.observe(sum(len(one.records) for one in polled.values()))
        POLL.observe(seconds)


def show_round(
    fetching: Fetching, ready: Mapping[int, int], stopped: Mapping[int, str], polled: Mapping[int, Polled]
) -> None:
    """A round went well. `ready`: where each partition goes on; `stopped`: those that must not, and why."""
    held = fetching.partitions
    still = {partition: why for partition, why in stopped.items() if partition in held}
    last = {partition: one.records[-1].timestamp / 1000 for partition, one in polled.items() if one.records}
    PARTITIONS.set(len(ready))
    STOPPED.set(len(still))
    LAGS.note(fetching.topic, held, fetching.lags(ready), last)
    PULSE.stopped({f"{fetching.topic}/{partition}": why for partition, why in still.items()})
    PULSE.went_round()
