"""THE list of read models: their schema, its version, and what the audit compares follow from it.

Everything here can be dropped and rebuilt from the log; only the projection writes it.
"""

import re
from hashlib import sha256

from projections.readmodels import (
    Table,
    accrued_lines,
    alerts_due,
    balances,
    bills,
    directory,
    draws,
    due,
    facts,
    foreign_records,
    outlooks,
    positions,
    seen_ids,
    usage_totals,
)

ALL: tuple[Table, ...] = (
    positions.TABLE,
    foreign_records.TABLE,
    facts.TABLE,
    directory.TABLE,
    usage_totals.TABLE,
    seen_ids.TABLE,
    balances.TABLE,
    draws.TABLE,
    accrued_lines.TABLE,
    outlooks.TABLE,
    alerts_due.TABLE,
    bills.BILLS,
    bills.LINES,
    due.TABLE,
)

#: SQL that creates all tables, in the schema of the search path.
SCHEMA = "\n".join(table.ddl for table in ALL)


def version_of(schema: str) -> str:
    """A hash of the definitions; comments and the amount of white space do not change it."""
    bare = re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", schema))
    return sha256(bare.encode()).hexdigest()[:16]


VERSION = version_of(SCHEMA)
