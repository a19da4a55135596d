"""Table `foreign_records`: what stands in our topics and is none of ours (decision 28)."""

from typing import NamedTuple

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
