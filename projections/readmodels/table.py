"""What every read model says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its SQL, without a schema's name, and by which expression the audit groups the hashes of its rows.

    Columns named `*_at_wall` are wall-clock and take no part in the audit. `hashed_by` None: the audit compares it in
    a way of its own.
    """

    name: str
    hashed_by: str | None
    ddl: str
