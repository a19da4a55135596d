"""What a measured pipeline did: its speed, its legs, the rows that it wrote; and how each of these is found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.waiting import until
from services.failures import ExpectedFailure
from services.kafka import Cluster, LogReader
from services.run.stack.supervise import Supervisor

#: Slowest pipeline that is still waited for, in events a second, and what it may need besides.
SLOWEST_PER_SECOND = 1_000
LEAST_SECONDS = 30.0
_SPENT = "SELECT coalesce(sum(spent), 0) FROM commitment_balances"
_ROWS = """
SELECT relname, n_tup_ins + n_tup_upd AS rows FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_tup_ins + n_tup_upd > 0
"""


class WrongSumError(ExpectedFailure):
    """{who} has {found} where {wanted} is due."""

    def __init__(self, who: str, sum_found: object, wanted: object) -> None:
        super().__init__(f"wrong sum: {who} has {sum_found} where {wanted} is due")


@dataclass(frozen=True, slots=True)
class Leg:
    """One process of a pipeline: when its work was done, and the CPU time it took for it."""

    name: str
    events: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Events a second, from the start of the pipeline to the end of this leg."""
        return self.events / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU time of an event."""
        return self.cpu_seconds / self.events * 1e6


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline from its start until everything was visible in the balance table."""

    events: int
    seconds: float
    legs: tuple[Leg, ...] = ()
    #: Rows inserted or updated, by table.
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        legs = {
            leg.name: {"events_per_second": round(leg.per_second), "cpu_us_per_event": round(leg.cpu_microseconds, 2)}
            for leg in self.legs
        }
        return {
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.per_second),
            "legs": legs,
            "rows": dict(self.rows),
        }


async def until_spent(connection: Any, supervisor: Supervisor, wanted: int, minor: int, events: int) -> None:
    """Wait until the balances, `minor` units each, sum to what is wanted. Raises: NotFinishedError, WrongSumError."""

    async def look() -> tuple[bool, object]:
        spent = await connection.fetchval(_SPENT) * minor
        if spent > wanted:
            raise WrongSumError("the balance table", spent, wanted)
        return spent == wanted, f"{spent} of {wanted} spent"

    seconds = LEAST_SECONDS + events / SLOWEST_PER_SECOND
    await until("the balance table", seconds, look, supervisor)


async def last_append(cluster: Cluster, topic: str, partitions: int) -> float:
    """When the last record of a topic was appended, by the broker's clock (seconds since 1970)."""
    latest = 0
    async with LogReader(cluster) as reader:
        ends = await reader.end_offsets(topic, range(partitions))
        for partition, end in ends.items():
            async for records in reader.read(topic, partition, max(end - 1, 0), end):
                latest = max(latest, records[-1].timestamp)
    return latest / 1000


async def rows_written(connection: Any, before: Mapping[str, int] | None = None) -> dict[str, int]:
    """Rows inserted or updated in the schema of the connection, since `before`; exact once the writers are gone."""
    rows = {row["relname"]: row["rows"] for row in await connection.fetch(_ROWS)}
    return {name: more for name, count in sorted(rows.items()) if (more := count - (before or {}).get(name, 0))}
