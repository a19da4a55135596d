"""Table `seen_ids`: the ids of accepted usage as packed rows, one per transaction and partition, never one per id.

The ingest worker loads them to find duplicates. Ids older than the window, by the log's own time, are dropped.
"""

from datetime import timedelta
from typing import NamedTuple

from events.sources import WINDOW_DAYS
from projections.readmodels import Table

TABLE = Table(
    "seen_ids",
    hashed_by=None,
    ddl="""
CREATE TABLE seen_ids (
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    newest_arrival timestamptz NOT NULL,
    digests bytea NOT NULL,                     -- events.sources.DIGEST_BYTES an id
    PRIMARY KEY (partition, first_offset)
);
""",
)

WINDOW = timedelta(days=WINDOW_DAYS)

INSERT = """
INSERT INTO seen_ids (partition, first_offset, newest_arrival, digests)
SELECT * FROM unnest($1::integer[], $2::bigint[], $3::timestamptz[], $4::bytea[])
"""
WIDTH = 4

#: $1 partitions, $2 the oldest arrival to keep in each.
DROP_OLD = """
DELETE FROM seen_ids USING unnest($1::integer[], $2::timestamptz[]) AS given (partition, oldest)
WHERE seen_ids.partition = given.partition AND seen_ids.newest_arrival < given.oldest
"""


class SeenRow(NamedTuple):
    """A row in the order of INSERT's columns. `newest_arrival` is timezone-aware."""

    partition: int
    first_offset: int
    newest_arrival: object
    digests: bytes


def pack(digests: list[str]) -> bytes:
    """Pack hexadecimal digests of `UsageRated`, each into DIGEST_BYTES."""
    return bytes.fromhex("".join(digests))
