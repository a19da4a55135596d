"""What a story shows, as rows of the tables of docs/settlement.md: bills, slices, states, periods, refusals."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from events.decimals import plain
from projections.aggregates import segment_text
from projections.explain.draw_parts import slice_documents
from projections.settlement import AgreementState, Settlement, settle
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.player import ONLY_LINES, Beside, PlayedBill, PlayedLine
from services.simulate.story import Step, read_story

Row = tuple[str, ...]
#: Rows of one kind of table, by the label of the bill (or step) that they belong to.
Rows = dict[str, list[Row]]
#: Columns that a table of commitments may have, in any choice.
STATES: dict[str, Callable[[AgreementState], str]] = {
    "status": lambda state: state.status,
    "amount": lambda state: plain(state.amount),
    "top-ups": lambda state: plain(state.top_ups),
    "amountSpent": lambda state: plain(state.amount_spent),
    "amountRolledOver": lambda state: plain(state.amount_rolled_over),
    "amountLapsed": lambda state: plain(state.amount_lapsed),
    "amountRemaining": lambda state: plain(state.amount_remaining),
}
#: Lines that are told apart by what they charge for; others by their type, commitment or account alone.
_DESCRIBED = ("USAGE", "USAGE_CREDIT")


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a story shows; `states` are by label and code."""

    bills: Rows
    slices: Rows
    states: Mapping[str, Mapping[str, AgreementState]]
    periods: Rows
    unpriced: Rows
    refusals: Rows


@dataclass(slots=True)
class _Book:
    """What was seen after each bill, preview or view, in order, by label: its date, and its kind when it is no bill."""

    bills: dict[str, list[PlayedBill]] = field(default_factory=dict)
    slices: Rows = field(default_factory=dict)
    states: dict[str, dict[str, AgreementState]] = field(default_factory=dict)
    unpriced: Rows = field(default_factory=dict)

    def enter(self, day: date, kind: str, bills: list[PlayedBill]) -> str:
        """Note the bills under a label of their own: the second of a day is `<day> (2)`."""
        plainly = f"{day}{kind}"
        label, number = plainly, 1
        while label in self.bills:
            number += 1
            label = f"{plainly} ({number})"
        self.bills[label] = bills
        return label


class _Recorder(MemoryPlayer):
    """Plays in memory, and notes what stands after each bill."""

    def __init__(self) -> None:
        super().__init__()
        self.book = _Book()
        self._latest = date.min

    def bill(self, day: date, account: str | None, beside: Beside = ONLY_LINES) -> list[PlayedBill]:
        bills = super().bill(day, account, beside)
        self._latest = max(self._latest, day)
        label = self.book.enter(day, "", bills)
        states, slices = self.book.states.setdefault(label, {}), self.book.slices.setdefault(label, [])
        for root in self.roots():
            family = self.family(root)
            settlement = settle(family, through=self._latest, accrued=True)
            states.update(
                (self._codes[state.id], state)
                for state in (*settlement.commitments.values(), *settlement.balances.values())
            )
            slices.extend(_slices(label, settle(family, through=self._latest, accrued=False)))
        self.book.unpriced[label] = list(self._unpriced(label))
        return bills

    def preview(self, account: str, day: date) -> list[PlayedBill]:
        bills = super().preview(account, day)
        self.book.enter(day, " preview", bills)
        return bills

    def unbilled(self, account: str, day: date) -> list[PlayedBill]:
        bills = super().unbilled(account, day)
        self.book.enter(day, " unbilled", bills)
        return bills

    def _unpriced(self, label: str) -> Iterator[Row]:
        for account in self.resources.accounts.values():
            for missing in self.unpriced(account.body.code):
                words = filter(None, (missing.account, missing.aggregation, missing.segment))
                yield label, " ".join(words), plain(missing.quantity), _days(*missing.period)


def _slices(label: str, settlement: Settlement) -> Iterator[Row]:
    """Each slice with each commitment and balance, in the words in which a line is explained."""
    for outcome in settlement.kept.drawn.outcomes:
        charge, start = settlement.charges[outcome.piece.charge], outcome.piece.start
        [told] = [
            slice_document for slice_document in slice_documents(settlement, charge) if slice_document["start"] == start
        ]
        about = f"{charge.type} {charge.description}" if charge.type in _DESCRIBED else charge.type
        about += f" of {charge.account.code}" if charge.account.is_child else ""
        owes = plain(told["amount"] - told["credited"])
        for candidate in told["candidates"]:
            draws = plain(candidate["drawn"]) if "drawn" in candidate else candidate["reason"]
            yield label, str(start), about, owes, str(candidate.get("place", "")), candidate["code"], draws


@lru_cache
def shown(path: Path) -> Shown:
    """Play the story. Raises: AssertionError when it does not hold, ScenarioError or OSError when it is no story."""
    recorder = _Recorder()
    played = play(read_story(path.read_bytes()), recorder)
    assert not [result.differences for result in played if result.differences], f"{path.name} does not hold"
    book = recorder.book
    periods = {label: list(_periods(label, states)) for label, states in book.states.items()}
    children = {account.body.code for account in recorder.resources.accounts.values() if account.root_id != account.id}
    return Shown(_bills(book.bills, children), book.slices, book.states, periods, book.unpriced, _refusals(played))


def _bills(bills: Mapping[str, list[PlayedBill]], children: Set[str]) -> Rows:
    """The lines of every bill and its total. What tells bills and lines apart is named where a story has several; a
    child's bill names it always."""
    every = [bill for many in bills.values() for bill in many]
    accounts, currencies = {bill.account for bill in every}, {bill.currency for bill in every}
    products = {line.product for bill in every for line in bill.lines} - {None}
    stood: Rows = {}
    for label, many in bills.items():
        rows = stood.setdefault(label, [])
        for bill in many:
            several = len(accounts) > 1 or bill.account in children
            names = [bill.account] * several + [bill.currency] * (len(currencies) > 1)
            where = " ".join([label, *names])
            for line in bill.lines:
                quantity = plain(line.quantity) if line.quantity else ""
                amount = plain(line.amount)
                rows.append((where, _name(line, len(products) > 1), _days(*line.period), quantity, amount))
            rows.append((where, "total", "", "", plain(bill.total)))
        if not rows:
            rows.append((label, "no bill", "", "", ""))
    return stood


def _name(line: PlayedLine, products: bool) -> str:
    """The line's type and what it is about: `USAGE units {"region":"eu"}`, `COMMITMENT_CONSUMED pre for kid`."""
    words = [line.type, "true-up" if line.true_up else None, line.commitment or line.balance]
    if line.type in _DESCRIBED:
        words += [line.description, segment_text(line.segment or {})]
    words.append(f"of {line.product}" if products and line.product else None)
    words.append(f"for {line.child_account}" if line.child_account else None)
    return " ".join(word for word in words if word)


def _days(start: date, end: date) -> str:
    return f"{start} to {end}"


def _periods(label: str, states: Mapping[str, AgreementState]) -> Iterator[Row]:
    for code, state in states.items():
        for period in state.periods:
            money = (plain(amount) for amount in (period.amount, period.counted, period.shortfall, period.true_up))
            yield label, code, _days(period.start_date, period.end_date), *money, period.state


def _refusals(played: list[Played]) -> Rows:
    return {
        _step(result.step): [(_step(result.step), str(result.result))]
        for result in played
        if result.step.expect_error is not None
    }


def _step(step: Step) -> str:
    """A step in words: `step 3: delete pre`."""
    fields: Mapping[str, Any] = step.fields
    subject = fields.get("code") or fields.get("commitment") or fields.get("balance") or fields.get("account") or ""
    return f"step {step.index + 1}: {step.kind} {subject}".rstrip()
