"""What fails in a bill job: what passes by itself is tried again, anything else is noted on the job."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from services.billing.watching import ProjectionStalledError
from services.commitments.errors import CommandError
from services.failures import ExpectedFailure
from services.postgres import PostgresUnreachableError
from services.turns import NoTurnError
from services.worker import TRANSIENT

#: What passes by itself: a job that meets it stays open and is taken up again.
PASSING = (*TRANSIENT, PostgresUnreachableError, ProjectionStalledError, NoTurnError, asyncpg.QueryCanceledError)


@dataclass(frozen=True, slots=True)
class Failure:
    """An account or bill that a job left as it was, or the whole job if neither is named."""

    error: Exception
    account_id: str | None = None
    bill_id: str | None = None

    def document(self) -> dict[str, Any]:
        """As it is stored and shown; the words of a bug are for the log."""
        expected = isinstance(self.error, ExpectedFailure | CommandError)
        message = str(self.error) if expected else "an error inside Trueup; its log says more"
        named = {"accountId": self.account_id, "billId": self.bill_id}
        return {name: id for name, id in named.items() if id is not None} | {"message": message}
