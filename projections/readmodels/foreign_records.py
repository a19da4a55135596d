"""Table `foreign_records`: what stands in our topics and is none of ours (decision 28)."""

from typing import NamedTuple

from projections.readmodels import Table

TABLE = Table(
    "foreign_records",
    hashed_by="topic || '/' || partition",
    ddl="""
CREATE TABLE foreign_records (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (topic, partition, log_offset)
);
""",
)

#: The same whoever writes it, so a second writer of a catalog's row changes nothing.
INSERT = """
INSERT INTO foreign_records (topic, partition, log_offset, why)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[])
ON CONFLICT (topic, partition, log_offset) DO NOTHING
"""
WIDTH = 4


class ForeignRow(NamedTuple):
    """In the order of INSERT's columns."""

    topic: str
    partition: int
    log_offset: int
    why: str
