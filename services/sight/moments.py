"""A time at which something happened last. Until it has, nothing is shown: 0 would be read as the year 1970."""

import time
from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry


class Moment(Collector):
    """A gauge of seconds since 1970 that has no sample before it is first set."""

    def __init__(self, name: str, documentation: str, *, registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._seconds: float | None = None
        registry.register(self)

    def set(self, seconds: float) -> None:
        """It happened then."""
        self._seconds = seconds

    def set_to_current_time(self) -> None:
        """It has just happened."""
        self.set(time.time())

    def describe(self) -> Iterable[Metric]:
        """It, without a value."""
        return [GaugeMetricFamily(self._name, self._documentation)]

    def collect(self) -> Iterable[Metric]:
        """It, with the moment if there was one."""
        return [GaugeMetricFamily(self._name, self._documentation, value=self._seconds)]
