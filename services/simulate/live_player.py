"""Plays scenarios through HTTP and Kafka, in a fresh organization with a test clock (decisions 14 and 22).

The player moves the product's clock as the story needs, always forward: to the date of each bill and to the latest
usage, which may not lie in the future. No answer depends on the clock: bills and previews name their date, and reads
name their day.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import uuid4

import httpx

from events.absent import only_given
from events.resources.base import Resource
from events.topics import usage_key
from services.access.client import Patient, SignedIn
from services.access.local import LocalKey
from services.commands.bodies import parse_body
from services.kafka import Cluster
from services.simulate.live_acts import awaited, told_by
from services.simulate.live_books import LiveBooks
from services.simulate.live_jobs import until_done
from services.simulate.live_wire import TIMEOUT_SECONDS, ApiFailedError, LiveOrganization, UsagePipe, cloud_event
from services.simulate.live_wording import LiveNames, bill_of, commitment_of
from services.simulate.naming import SOURCE, in_words, noon, refusal
from services.simulate.naming_fields import parent_of
from services.simulate.player import (
    DEFAULT_CONFIG,
    ONLY_LINES,
    Beside,
    IsExpected,
    PlayedBill,
    PlayedUnpriced,
    RefusedError,
    Told,
    UsageRecord,
    WrittenEntity,
)
from services.simulate.wording import played_unpriced


class LiveSystem:
    """Connections to a running system, shared by one player for each story. Players may run in threads."""

    def __init__(self, url: str, cluster: Cluster, key: LocalKey) -> None:
        """`key`: an operator's, since each story has its own organization. Raises: ApiFailedError for no URL."""
        try:
            self._client = Patient(base_url=url, timeout=TIMEOUT_SECONDS, auth=SignedIn(key))
        except httpx.InvalidURL as error:
            raise ApiFailedError("--live", url, f"is no URL: {error}") from error
        self._pipe = UsagePipe(cluster)

    def __enter__(self) -> Self:
        """Connect to Kafka. Raises: KafkaUnreachableError."""
        self._pipe.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._client.close()
        self._pipe.__exit__(*failure)

    def player(self) -> "LivePlayer":
        """A player with a fresh organization."""
        return LivePlayer(LiveOrganization(self._client, f"simulate-{uuid4().hex[:16]}"), self._pipe)


class LivePlayer:
    """Plays in one organization of a running system; `Player` describes the methods."""

    def __init__(self, organization: LiveOrganization, pipe: UsagePipe) -> None:
        self.organization, self._pipe = organization, pipe
        self._names = LiveNames()
        self._parents: dict[tuple[str, str], str] = {}
        self._clock = datetime(1970, 1, 1, tzinfo=UTC)
        self._sent: list[UsageRecord] = []
        self._on_its_way = self._holds = False
        #: An account without plans: its job bills nothing, but like every job it waits until all usage is projected.
        self._waiter: str | None = None
        self._refused_until: Mapping[int, int] | None = None
        self._books = LiveBooks(organization, self._call)

    def configure(self, fields: Mapping[str, Any]) -> None:
        config = {**DEFAULT_CONFIG, **fields, "testClock": True}
        self._call("PUT", "organizationconfig", config)
        self._names.live_in(config["timezone"])
        self._holds = "HOLD" in (config.get("usageBeforeAccount"), config.get("usageBeforeMeter"))

    def configure_statements(self, fields: Mapping[str, Any]) -> None:
        self._call("PUT", "statementconfig", fields)

    def create(self, document: WrittenEntity) -> Resource:
        fields = self._names.resolved(document.kind, document.fields)
        made = self._ask("POST", self._names.list_path(document.kind, fields), fields, about=document.kind)
        self._names.learn(document, made["id"])
        if parent := parent_of(document.kind, document.fields):
            self._parents[document.kind, document.code] = parent
        return parse_body(document.kind, made)

    def update(self, kind: str, code: str, fields: Mapping[str, Any], effective: date | None = None) -> Resource:
        path = self._path(kind, code)
        body = self._ask("GET", path) | self._names.resolved(kind, fields) | {"effectiveDate": effective}
        return parse_body(kind, self._ask("PUT", path, only_given(body), about=kind))

    def delete(self, kind: str, code: str, force: bool, effective: date | None = None) -> None:
        query = {"force": "true"} if force else {}
        if effective is not None:
            query["effectiveDate"] = effective.isoformat()
        self._ask("DELETE", self._path(kind, code), **query)

    def top_up(self, code: str, amount: Decimal, day: date, recurring: bool) -> None:
        self._amend(code, "topups", {"amount": amount, "date": day, "recurring": recurring})

    def cancel(self, code: str, day: date, policy: str | None) -> None:
        self._amend(code, "cancel", {"date": day, "policy": policy})

    def transact(self, code: str, amount: Decimal, day: date) -> None:
        body = {"amount": amount, "transactionDate": day}
        self._ask("POST", f"{self._path('balance', code)}/transactions", body, about="balance")

    def usage(self, record: UsageRecord) -> None:
        self._sent.append(record)

    def void(self, account: str, uid: str) -> None:
        self._ask("POST", "usage/void", {"account": account, "source": SOURCE, "id": uid})

    def amend(self, account: str, uid: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        self._ask("POST", "usage/amend", {"account": account, "source": SOURCE, "id": uid, **values})

    def forget(self, account: str) -> None:
        self._ask("POST", f"{self._path('account', account)}/forget")

    def arrive(self, doubted: bool) -> None:
        """Publish the sent usage. Later steps wait for it only where they must, because each wait costs a bill job."""
        records, self._sent = self._sent, []
        self._reach(max(record.ts for record in records))
        self._refused_until = self._refused_until or self._pipe.end_of_refused()
        self._pipe.publish([self._event(record) for record in records])
        self._on_its_way = True
        if doubted:
            self._wait_for_usage()

    def finish(self) -> None:
        self._wait_for_usage()

    def approve(self, account: str) -> None:
        self._ask("GET", self._path("account", account))

    def bill(self, day: date, account: str | None, beside: Beside = ONLY_LINES) -> list[PlayedBill]:
        self._reach(noon(day))
        only = {} if account is None else {"accountIds": [self._names.id("account", account)]}
        job = self._done({"lastDateInBillingPeriod": day - timedelta(days=1), **only})
        self._look_for_refused()
        documents = [self._call("GET", f"bills/{id}") for id in job["billIds"]]
        bills = self._books.filed([(bill_of(document, self._names), document) for document in documents], beside)
        return sorted(bills, key=lambda bill: (self._names.creation_of(bill.account), bill.currency))

    def journal(self, day: date, chart: Mapping[str, Any] | None) -> Told:
        return self._books.close(day, chart)

    def told(self, what: str, rule: str, is_expected: IsExpected) -> Told:
        told = awaited(told_by(what, rule, self._ask, self._names), is_expected)
        # Usage that was held is on its way again.
        self._on_its_way = self._on_its_way or (what == "held" and self._refused_until is not None)
        return told

    def preview(self, account: str, day: date) -> list[PlayedBill]:
        body = {"accountId": self._names.id("account", account), "lastDateInBillingPeriod": day - timedelta(days=1)}
        return self._shown(self._ask("POST", "bills/preview", body))

    def unbilled(self, account: str, day: date) -> list[PlayedBill]:
        return self._shown(self._ask("GET", f"{self._path('account', account)}/unbilled", asOf=day.isoformat()))

    def unpriced(self, account: str) -> list[PlayedUnpriced]:
        unpriced = self._ask("GET", f"{self._path('account', account)}/unbilled").get("unpriced", ())
        codes = {usage["aggregationId"]: self._names.code(usage["aggregationId"]) or "" for usage in unpriced}
        return [played_unpriced(usage, account, codes) for usage in unpriced]

    def commitment(self, code: str, day: date) -> Mapping[str, Any]:
        return commitment_of(self._ask("GET", self._path("commitment", code), asOf=day.isoformat()), self._names)

    def account(self, code: str) -> Mapping[str, Any]:
        return self._names.account_of(self._ask("GET", self._path("account", code)))

    def _ask(self, method: str, path: str, body: Any = None, *, about: str | None = None, **query: str) -> Any:
        """Call the API once all usage of earlier steps is projected: commands depend on it, and reads show it."""
        self._wait_for_usage()
        return self._call(method, path, body, about=about, **query)

    def _call(self, method: str, path: str, body: Any = None, *, about: str | None = None, **query: str) -> Any:
        """`about`: the kind that a refusal is about. Raises: RefusedError in the file's words, ApiFailedError."""
        try:
            return self.organization.call(method, path, body, **query)
        except RefusedError as error:
            raise RefusedError(in_words(str(error), about, self._names.called), str(error)) from error

    def _amend(self, code: str, what: str, body: Mapping[str, Any]) -> None:
        """Amend the present version of a commitment."""
        path = self._path("commitment", code)
        version = self._ask("GET", path)["version"]
        self._ask("POST", f"{path}/{what}", {**body, "version": version}, about="commitment")

    def _path(self, kind: str, code: str) -> str:
        return self._names.path(kind, code)

    def _shown(self, document: Mapping[str, Any]) -> list[PlayedBill]:
        """The bills of a view, in all currencies; a view without lines is no bill."""
        documents = [document, *document.get("otherCurrencies", ())]
        return [bill_of(document, self._names) for document in documents if document["lineItems"]]

    def _reach(self, moment: datetime) -> None:
        """Move the clock forward to this moment. It ends the holding of usage, so sent usage must arrive first."""
        if moment > self._clock:
            if self._holds:
                self._wait_for_usage()
            self._call("POST", "clock", {"now": moment})
            self._clock = moment

    def _event(self, record: UsageRecord) -> tuple[bytes, bytes]:
        """Key and CloudEvent of a record. A child's key is its parent's, because its partition is its parent's."""
        key = usage_key(self.organization.id, self._parents.get(("account", record.account), record.account))
        return key, cloud_event(self.organization.id, record)

    def _wait_for_usage(self) -> None:
        """Wait until all sent usage is projected; only a bill job tells when that is."""
        if not self._on_its_way:
            return
        if self._waiter is None:
            code = f"simulate-waits-{uuid4()}"
            fields = {"code": code, "name": code, "emailAddress": f"{code}@example.com"}
            self._waiter = self._call("POST", "accounts", fields)["id"]
        self._done({"accountIds": [self._waiter], "lastDateInBillingPeriod": "1970-01-01"})
        self._look_for_refused()

    def _look_for_refused(self) -> None:
        """Check for refused usage, after a bill job, when all usage has been judged. Raises: RefusedError."""
        if not self._on_its_way:
            return
        assert self._refused_until is not None
        self._on_its_way = False
        refused, self._refused_until = self._pipe.refused(self.organization.id, self._refused_until)
        if refused:
            raise refusal(refused[0])

    def _done(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a bill job, and return it finished. Raises: ApiFailedError."""
        job = self._call("POST", "billjobs", body)
        return until_done(self._call, self.organization.id, f"billjobs/{job['id']}")
