"""One partition of ingest without servers: a catalog, memory, and values that settle as the handler settles them."""

from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import ConsumerRecord

from events.envelope import seal
from events.facts.base import Fact
from events.sources import Origins
from services.ingest.batch import PollOutcome, Settling, finish, parts_of, settle_part
from services.ingest.catalogs import CatalogFollower, Catalogs
from services.ingest.partition import PartitionState
from services.ingest.snapshot import Snapshot
from services.kafka import Cluster
from services.sight.traceparent import NOT_TRACED, Traced
from tests.ingest.world import NOW, World

GENERATION = "g1"
ORIGINS = Origins(frozenset((GENERATION, "x")))
#: What a record may have.
RECORD_BYTES = 8 * 1024 * 1024


def a_record(value: bytes | None, offset: int, headers: Any = (), partition: int = 0) -> ConsumerRecord:
    ms = int(NOW.timestamp() * 1000)
    return ConsumerRecord("usage", partition, offset, ms, 1, None, value, None, 0, len(value or b""), tuple(headers))


class Bench:
    """One partition in memory, fed with values."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World("org", 1)
        self.follower, self.sequence = CatalogFollower(Cluster("nowhere:1"), ORIGINS), 0
        self.follower.offset = 17
        self.catalogs = Catalogs(self.follower)
        self.state = PartitionState(0, 0, GENERATION, ORIGINS, Snapshot())
        self.offset = 0
        self.learn(self.world.facts())

    def learn(self, facts: Iterable[tuple[Fact, int | None]]) -> None:
        """These facts are in the catalog from now on."""
        for fact, _ in facts:
            self.sequence += 1
            account = getattr(getattr(fact, "body", None), "account_id", None) or getattr(fact, "root_id", None)
            sealed = seal(
                fact,
                source="commands/x",
                sequence=self.sequence,
                organization=self.world.organization,
                time=NOW,
                account=account,
            )
            self.follower.evolve(sealed)
            self.state.forget(self.catalogs.changed([sealed]))

    def take(self, *values: bytes | None, headers: Any = ()) -> PollOutcome:
        records = [a_record(value, self.offset + place, headers) for place, value in enumerate(values)]
        self.offset += len(values)
        return self.settle(records)

    def settle(self, records: Sequence[ConsumerRecord], traced: Traced = NOT_TRACED) -> PollOutcome:
        settling = Settling(self.state.partition, self.state.home, records[-1].offset + 1, RECORD_BYTES, traced)
        for part in parts_of(records):
            settle_part(part, self.state, self.catalogs, settling)
        return finish(records[-1], self.state, settling)
