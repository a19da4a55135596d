"""What fails in a bill job for no passing reason is noted on the job; what passes leaves it open, to go on with."""

from dataclasses import dataclass
from typing import Any

from services.commands.errors import CommandError
from services.failures import ExpectedFailure


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
