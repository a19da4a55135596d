"""The bills of a live organization as files and as accounting: statements, and exports of lines and journals."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

from services.simulate.filing import Ledger, Posting, filed, journal_request, statement_told
from services.simulate.live_jobs import until_done
from services.simulate.live_wire import LiveOrganization
from services.simulate.player import Beside, Earned, PlayedBill, Told

_LINES = {"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]}


class LiveBooks:
    """An organization's statements and exports, requested by `call`, which calls the API."""

    def __init__(self, organization: LiveOrganization, call: Callable[..., Any]) -> None:
        self._organization, self._call = organization, call
        self._ledger = Ledger()
        #: The watermark of the last journal.
        self._until: str | None = None

    def filed(self, bills: Sequence[tuple[PlayedBill, Mapping[str, Any]]], beside: Beside) -> list[PlayedBill]:
        """The bills, each given with the API's document of it, with the requested parts."""
        earned = self._earned() if beside.months and bills else {}
        return [
            filed(
                bill,
                statement_told(self._call("GET", f"bills/{document['id']}/statement")) if beside.statement else None,
                [earned[line["id"]] for line in document["lineItems"]] if beside.months else None,
            )
            for bill, document in bills
        ]

    def _earned(self) -> Mapping[str, Earned]:
        """The recognition of the lines of all bills, by the line's id."""
        _, rows = self._exported(_LINES)
        return {row["line_id"]: Earned(row["recognition"], dict(_months(row["months"]))) for row in rows}

    def close(self, day: date, chart: Mapping[str, Any] | None) -> Told:
        """Post the journal of everything since the last one, closed up to the day. Returns the ledger's balances on
        that day.
        """
        self._ledger.check(day)
        job, rows = self._exported(journal_request(day, chart, self._until))
        self._ledger.post(map(_posting, rows), day)
        self._until = job["until"]
        return self._ledger.standing(day)

    def _exported(self, request: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[dict[str, str]]]:
        """A finished job for this request, and the rows of its file."""
        path = f"dataexports/jobs/{self._call('POST', 'dataexports/adhoc', request)['jobId']}"
        job = until_done(self._call, self._organization.id, path)
        return job, list(csv.DictReader(StringIO(self._organization.text(f"{path}/file"), newline="")))


def _months(text: str) -> Iterator[tuple[str, Decimal]]:
    """Each month with its amount, of a text such as `2026-01=10.00;2026-02=9.00`."""
    for part in text.split(";") if text else ():
        month, _, amount = part.partition("=")
        yield month, Decimal(amount)


def _posting(row: Mapping[str, str]) -> Posting:
    amounts = (Decimal(row[side]) for side in ("debit", "credit"))
    return Posting(date.fromisoformat(row["date"]), row["ledger_account"], row["currency"], *amounts)
