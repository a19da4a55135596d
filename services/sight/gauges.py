"""Two gauges that Prometheus's library lacks: the lag of a worker, which grows while the worker does nothing, and a
time that has no sample before its first event.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

LAG_LABELS = ("topic", "partition")


@dataclass(frozen=True, slots=True)
class Lag:
    """The number of unread records, and since when (seconds since 1970) the oldest of them may have waited."""

    records: int
    since: float


class Lags(Collector):
    """The lag of a worker by topic and partition. The seconds are computed on reading, so they also grow while the
    worker stands still.

    Waiting records came after the last record that was read, and after the last moment without waiting records. The
    seconds count from the later of the two, so they are too many by one round of the worker at most. A partition that
    must not go on, or whose broker is away, keeps the number of records that was seen last.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lags: Mapping[tuple[str, int], Lag] = {}

    def note(
        self, topic: str, partitions: Collection[int], records: Mapping[int, int], read: Mapping[int, float]
    ) -> None:
        """Note a round with exactly these partitions of the topic: the number of waiting records, where known, and the
        time of the last one read (seconds since 1970), if there was one.
        """
        now = self._clock()
        lags = {key: lag for key, lag in self._lags.items() if key[0] != topic or key[1] in partitions}
        for partition, count in records.items():
            times = [read[partition]] if partition in read else []
            before = lags.get((topic, partition))
            if before is not None:
                times.append(before.since)
            # For a newly loaded partition the wait is unknown: it counts from now, until its first record.
            lags[topic, partition] = Lag(count, max(times, default=now) if count else now)
        self._lags = lags

    def describe(self) -> Iterable[Metric]:
        """Records and seconds of lag, without values."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Records and seconds of lag as of now."""
        records, seconds = self._families()
        now = self._clock()
        for (topic, partition), lag in self._lags.items():
            labels = (topic, str(partition))
            records.add_metric(labels, lag.records)
            seconds.add_metric(labels, max(0.0, now - lag.since) if lag.records else 0.0)
        return records, seconds

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily(
                "trueup_lag_records", "Records of a partition that the worker has not read.", labels=LAG_LABELS
            ),
            GaugeMetricFamily(
                "trueup_lag_seconds",
                "For how long the oldest unread record of a partition has waited.",
                labels=LAG_LABELS,
            ),
        )


class Moment(Collector):
    """The time of an event's last occurrence, in seconds since 1970. Before the first there is no sample, because 0
    would mean 1970.
    """

    def __init__(self, name: str, documentation: str, *, registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._seconds: float | None = None
        registry.register(self)

    def set(self, seconds: float) -> None:
        """Note that it happened at this time, in seconds since 1970."""
        self._seconds = seconds

    def set_to_current_time(self) -> None:
        """Note that it has just happened; called as Prometheus's own gauge calls it."""
        self.set(time.time())

    def describe(self) -> Iterable[Metric]:
        """Its name and documentation, which the registry asks for when it is made: no sample yet."""
        return [GaugeMetricFamily(self._name, self._documentation)]

    def collect(self) -> Iterable[Metric]:
        """The sample; none before it has happened."""
        return [GaugeMetricFamily(self._name, self._documentation, value=self._seconds)]
