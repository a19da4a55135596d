"""Table `foreign_records`: records in our topics that Trueup did not write (decision 28)."""

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

#: Every writer writes the same row, so a second writer of a catalog record changes nothing.
INSERT = """
INSERT INTO foreign_records (topic, partition, log_offset, why)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[])
ON CONFLICT (topic, partition, log_offset) DO NOTHING
"""
WIDTH = 4


class ForeignRow(NamedTuple):
    """A row in the order of INSERT's columns."""

    topic: str
    partition: int
    log_offset: int
    why: str
