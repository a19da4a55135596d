"""Waits until everything that exists is projected: events of the store, and usage in Kafka (decision 18).

A bill run without the wait would still be right, because missed usage would become differences on the next bill. But
whoever publishes usage and then asks for a bill expects the usage on it.
"""

from events.topics import CATALOG, EVENTS, USAGE
from services.readside.looking import KAFKA_SECONDS
from services.readside.targets import LogProjected, Relayed, UsageProjected
from services.readside.watching import Deadline, ProjectionStalledError, Watcher

#: The longest wait of an HTTP request: shorter than clients wait, so that they are told what is missing.
HTTP_SECONDS = 25.0


class Waiter:
    """Waits for the relay, the ingest worker and the projector, each as long as it makes progress.

    `within`: each wait ends after this many seconds, whatever the progress. Waiting holds no connection.
    """

    def __init__(self, watcher: Watcher, within: float | None = None) -> None:
        self._watcher, self._within = watcher, within

    async def until_projected(self) -> None:
        """Wait until every event and every usage record that exists now is in the read models.

        Usage in a wrong partition is published again into the right one, behind the ends taken first; so the ends are
        taken a second time after the first are reached. Raises: ProjectionStalledError, KafkaUnreachableError.
        """
        deadline = Deadline(self._within)
        for _ in range(2):
            await self._watcher.until(UsageProjected(await self._ends(deadline, USAGE)), deadline)
        await self._until_relayed_and_folded(deadline)

    async def until_commands_projected(self) -> None:
        """Wait until every event of the store that is committed now is in the read models, without waiting for usage.

        Raises: ProjectionStalledError, KafkaUnreachableError.
        """
        await self._until_relayed_and_folded(Deadline(self._within))

    async def _until_relayed_and_folded(self, deadline: Deadline) -> None:
        progress = await self._watcher.now()
        try:
            await self._watcher.until(Relayed(progress.head), deadline)
        except ProjectionStalledError:
            await self._watcher.ends(CATALOG, KAFKA_SECONDS / 2)  # the relay cannot publish while Kafka is away
            raise
        ends = (await self._ends(deadline, EVENTS))[: progress.generations.partitions]
        [(_, catalog)] = (await self._ends(deadline, CATALOG))[:1]
        await self._watcher.until(LogProjected(ends, catalog), deadline)

    async def _ends(self, deadline: Deadline, topic: str) -> tuple[tuple[int, int], ...]:
        """The ends of a topic. Raises: KafkaUnreachableError, naming Kafka's address."""
        ends = await self._watcher.ends(topic, max(1.0, min(KAFKA_SECONDS, deadline.left)))
        return tuple(sorted(ends.items()))
