"""Plays scenarios in memory, through the same functions as the services: decide, evolve, aggregate, settle."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid5

from events.envelope import NAMESPACE
from events.resources.balances import BalanceTransaction
from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from projections.entities import FundEntity
from projections.rating.index import index_families
from projections.settlement import (
    DraftBill,
    draft_bills,
    settled,
)
from projections.settlement.states_by_day import state_of
from services.api.data_export_bodies import AdhocExport
from services.api.wire import encode, parse_object
from services.commands.bodies import parse_body, parse_model
from services.commands.commitment_rules import is_used
from services.commands.messages import (
    CancelCommitment,
    Cancellation,
    Command,
    ConfigureOrganization,
    CreateResource,
    DeleteResource,
    ForgetAccount,
    TopUp,
    TopUpCommitment,
    TransactBalance,
    UpdateResource,
)
from services.commands.refused import CommandError
from services.commands.table import KINDS
from services.simulate.filing import filed, journal_request
from services.simulate.memory_books import earned, stated
from services.simulate.memory_rules import rule_called
from services.simulate.memory_views import MemoryViews
from services.simulate.naming import id_of, in_words, resolved
from services.simulate.naming_fields import references
from services.simulate.player import (
    DEFAULT_CONFIG,
    ONLY_LINES,
    Beside,
    IsExpected,
    PlayedBill,
    RefusedError,
    Told,
    UsageRecord,
    WrittenEntity,
)
from services.simulate.telling import act_told, one_after_another
from services.simulate.wording import played_bill

T = TypeVar("T")


class MemoryPlayer(MemoryViews):
    """Plays in an organization in memory. Automatic rules act after each step that may give them cause."""

    def configure(self, fields: Mapping[str, Any]) -> None:
        document = {**DEFAULT_CONFIG, **fields}
        self._do(None, lambda: ConfigureOrganization(parse_model(OrganizationConfig, _wire(document)), None, self._now))

    def configure_statements(self, fields: Mapping[str, Any]) -> None:
        kind = KINDS["statementConfig"]
        id = kind.single_id(self.resources.organization)
        self._do(None, lambda: CreateResource(kind.name, id, parse_body(kind.name, _wire(fields)), self._now))

    def create(self, document: WrittenEntity) -> Resource:
        kind, id = document.kind, id_of(document.kind, document.code)
        if id in KINDS[kind].held(self.resources):
            # Only the taken code is to be refused. Clients of the API choose no ids, so an id must never be reported as
            # taken.
            id = str(uuid5(NAMESPACE, f"simulate/{self._sequence}"))
        fields = self._resolved(kind, document.fields)
        self._do(kind, lambda: CreateResource(kind, id, parse_body(kind, _wire(fields)), self._now))
        self._codes[id] = document.title
        self._called[id] = document.shown
        return self._body(kind, document.code)

    def update(self, kind: str, code: str, fields: Mapping[str, Any], effective: date | None = None) -> Resource:
        entity = self._entity(kind, code)
        body = self.keys.shown(self.resources, entity.body)
        document = body.model_dump(by_alias=True, exclude_unset=True) | self._resolved(kind, fields)

        def command() -> Command:
            return UpdateResource(
                kind, entity.id, parse_body(kind, _wire(document)), entity.version, self._now, effective
            )

        self._do(kind, command)
        return self._body(kind, code)

    def delete(self, kind: str, code: str, force: bool, effective: date | None = None) -> None:
        entity = self._entity(kind, code)
        drawn = isinstance(entity, FundEntity) and self._is_used(entity.id, entity.body.account_id)
        self._do(kind, lambda: DeleteResource(kind, entity.id, force, drawn, self._now, effective))
        # An entity may be created again with the same code, so with the same id: the index must not keep the deleted
        # one.
        self.index = index_families(self.resources)

    def top_up(self, code: str, amount: Decimal, day: date, recurring: bool) -> None:
        commitment = self._entity("commitment", code)

        def command() -> Command:
            asked = parse_model(TopUp, _wire({"amount": amount, "date": day, "recurring": recurring}))
            return TopUpCommitment(
                commitment.id, asked.amount, asked.date, asked.recurring, commitment.version, self._now
            )

        self._do("commitment", command)

    def cancel(self, code: str, day: date, policy: str | None) -> None:
        commitment = self._entity("commitment", code)

        def command() -> Command:
            asked = parse_model(Cancellation, _wire({"date": day, "policy": policy}))
            return CancelCommitment(commitment.id, asked.date, asked.policy, commitment.version, self._now)

        self._do("commitment", command)

    def transact(self, code: str, amount: Decimal, day: date) -> None:
        balance, id = self._entity("balance", code), str(uuid5(NAMESPACE, f"{self._sequence}"))

        def command() -> Command:
            asked = parse_model(BalanceTransaction, _wire({"amount": amount, "transactionDate": day}))
            return TransactBalance(balance.id, asked, id, self._now)

        self._do("balance", command)

    def usage(self, record: UsageRecord) -> None:
        self.rules.reach([record.ts])
        self.used.send(self.resources, record, self.rules.now)

    def void(self, account: str, uid: str) -> None:
        self.used.void(self.resources, account, uid)
        self._go_on()

    def amend(self, account: str, uid: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        self.used.amend(self.resources, account, uid, values)
        self._go_on()

    def arrive(self, doubted: bool) -> None:
        self.used.arrive()
        self._go_on()

    def finish(self) -> None:
        """Nothing to do: in memory all usage arrives at once."""

    def approve(self, account: str) -> None:
        self._entity("account", account)

    def bill(self, day: date, account: str | None, beside: Beside = ONLY_LINES) -> list[PlayedBill]:
        only = self._entity("account", account).id if account is not None else None
        roots = [self.resources.accounts[only].root_id] if only else self.roots()
        drafts = [draft for root in roots for draft in draft_bills(self.family(root), date=day, account_id=only)]
        self.rules.reach([day])
        bills = [self._issued(draft, beside) for draft in drafts]
        self._go_on()
        return bills

    def journal(self, day: date, chart: Mapping[str, Any] | None) -> Told:
        self.books.ledger.check(day)
        asked = _wire(journal_request(day, chart))
        return self._judged(None, lambda: self.close_books(parse_model(AdhocExport, asked)))

    def told(self, what: str, rule: str, is_expected: IsExpected) -> Told:
        if what == "held":
            return self.used.held.told()
        if what == "alerts":
            id = self._entity("notificationConfiguration", rule).id
            return one_after_another(self.rules.alerts.told(id, self._codes))
        known = rule_called(self.resources, rule)
        if known is None:
            raise RefusedError(f"there is no automatic rule with code {rule}")
        acts = (act.model_dump(by_alias=True) for act in self.rules.acts if act.rule_id == known.id)
        return tuple(map(act_told, acts))

    def forget(self, account: str) -> None:
        entity = self._entity("account", account)
        self._do("account", lambda: ForgetAccount(entity.id, self.keys.ids(entity.id), None, self._now))

    def _go_on(self) -> None:
        """The consequences of a step: usage that waited is sent again, and automatic rules act."""
        self.used.release(self.resources, self.rules.now)
        self.rules.follow(self)

    def _issued(self, draft: DraftBill, beside: Beside) -> PlayedBill:
        bill = self.issue_draft(draft)
        statement = stated(self.resources, self.keys, bill) if beside.statement else None
        return filed(played_bill(self._codes, draft), statement, earned(bill) if beside.months else None)

    def _is_used(self, agreement_id: str, account_id: str) -> bool:
        family = self.family(self.resources.accounts[account_id].root_id)
        state = state_of(settled(family, date.min), agreement_id)
        assert state is not None
        return is_used(agreement_id, billed=family.billed, spent=state.drawn)

    def _body(self, kind: str, code: str) -> Resource:
        body: Resource = self._entity(kind, code).body
        return body

    def _do(self, kind: str | None, command: Callable[[], Command]) -> None:
        """Run a command, and what follows from it. Raises: RefusedError."""
        self._judged(kind, lambda: self.command(command()))
        if kind is not None and KINDS[kind].adds_up:
            self.used.recount(self.resources)
        self._go_on()

    def _judged(self, kind: str | None, work: Callable[[], T]) -> T:
        """The result of the work. Raises: RefusedError, in the file's words."""
        try:
            return work()
        except CommandError as error:
            raise RefusedError(in_words(str(error), kind, self._called), str(error)) from error

    def _resolved(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Wire fields for scenario fields: codes become ids, under the names of the API."""
        for to, code in references(kind, fields):
            self._called.setdefault(id_of(to, code), code)
        return resolved(kind, fields)


def _wire(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the API would read it from a client, by the same rules. Raises: CommandError."""
    return parse_object(encode(document))
