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

#: Makes all of them, in the schema that the search path names.
SCHEMA = "\n".join(table.ddl for table in ALL)


def version_of(schema: str) -> str:
    """What tells one definition from another; comments and the width of gaps do not."""
    bare = re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", schema))
    return sha256(bare.encode()).hexdigest()[:16]


VERSION = version_of(SCHEMA)
