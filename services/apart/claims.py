"""A claim to a part of a shared work. Whoever writes for it holds it in each transaction, so that a machine that was
given up writes nothing more, whenever it wakes up.
"""

from typing import Any, NamedTuple

from services.failures import ExpectedFailure, Worded

_NAME = "SELECT set_config('application_name', $1, true)"
#: The part cannot be given to anybody else before the transaction ends.
_HOLD = """
SELECT set_config('application_name', held.taken_by, true)
FROM store.shared_parts AS held JOIN store.shared_work AS shared ON shared.id = held.work
WHERE held.work = $1 AND held.part = $2 AND held.taken_by = $3 AND shared.failure IS NULL
FOR KEY SHARE OF held
"""


class PartLostError(Worded, ExpectedFailure):
    """a part of a shared work is another machine's by now, or the work has ended"""


class Claim(NamedTuple):
    """`by` has taken this part of this work. It is also the name of its sessions in Postgres, for the length of each
    transaction: so they are found, whatever stands between here and there, and can be ended.
    """

    work: int
    part: int
    by: str

    async def hold(self, connection: Any) -> None:
        """Hold the claim until the transaction ends. Raises: PartLostError."""
        if await connection.fetchrow(_HOLD, *self) is None:
            raise PartLostError

    async def name(self, connection: Any) -> None:
        """Only name the session, in a transaction that reads in a snapshot older than the claim, and writes nothing."""
        await connection.execute(_NAME, self.by)
