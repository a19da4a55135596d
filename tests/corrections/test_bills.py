"""The law of corrected money: whatever was billed in between, bills together charge what stands, line by line."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events.facts.bills import BillIssued, BillVoided
from projections.settlement import DraftBill, DraftLine, Family, draft_bills
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import SOURCE, id_of
from services.simulate.player import RefusedError, UsageRecord
from tests.settlement.playing import play_text

FUNCTIONS = ("SUM", "COUNT", "MIN", "MAX", "LATEST", "MEAN", "UNIQUE")
START = datetime(2026, 1, 1, 6, tzinfo=UTC)
DATES = [date(2026, month, 1) for month in (2, 3, 4, 5)]


def _story() -> str:
    """Each function whole and by user, at prices in tiers; a prepayment that is too small, and a minimum."""
    aggregations, pricings = [], []
    for function in FUNCTIONS:
        field = "user" if function == "UNIQUE" else "n"
        for name, more in (
            (function, ""),
            (f"{function}-by", ", segmentedFields: [user], segments: [{user: x}, {user: y}]"),
        ):
            aggregations.append(f"  - {{code: {name}, meter: m, targetField: {field}, aggregation: {function}{more}}}")
            of = [""] if not more else [f", segment: {{user: {user}}}" for user in "xy"]
            pricings += [
                f"      - {{code: {name}-{place}, aggregation: {name}, cumulative: true{segment}, pricingBands:"
                " [{lowerLimit: 0, unitPrice: 0.5}, {lowerLimit: 3, fixedPrice: 2, unitPrice: 0.3}]}"
                for place, segment in enumerate(of)
            ]
    return "\n".join([
        "meters: [{code: m, dataFields: [{code: n, category: MEASURE}, {code: user, category: WHO}]}]",
        "aggregations:",
        *aggregations,
        "plans:",
        "  - code: basic",
        "    product: api",
        "    billFrequency: MONTHLY",
        "    pricings:",
        *pricings,
        "accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]",
        "commitments:",
        "  - {code: ahead, account: acme, amount: 30, amountPrePaid: 30, startDate: 2026-01-01, endDate: 2026-03-15}",
        "  - {code: least, account: acme, commitmentType: MINIMUM, amount: 25, commitmentPeriodInterval: 1,"
        " startDate: 2026-01-01, endDate: 2026-03-01}",
        "steps: [{approve: {account: acme}}]",
    ])  # fmt: skip


STORY = _story()
SAID = st.tuples(st.sampled_from([None, "-1", "0", "1", "2.50", "4"]), st.sampled_from([None, "x", "y"]))
STEP = st.one_of(
    st.tuples(st.just("use"), st.integers(0, 58), SAID),
    st.tuples(st.just("use"), st.integers(0, 58), SAID),
    st.tuples(st.just("void"), st.integers(0, 9)),
    st.tuples(st.just("amend"), st.integers(0, 9), SAID),
    st.tuples(st.just("bill")),
    st.tuples(st.just("ahead"), st.integers(0, 58)),
    st.tuples(st.just("take back")),
)
Said = tuple[str | None, str | None]


def values_of(said: Said) -> dict[str, Mapping[str, Any]]:
    number, user = said
    measure = {} if number is None else {"n": Decimal(number)}
    return {"measure": measure, "who": {} if user is None else {"user": user}}


class Played:
    """The story with what was used, corrected and billed, and what each event says by now."""

    def __init__(self) -> None:
        self.player: MemoryPlayer = play_text(STORY)
        self.stands: dict[str, tuple[int, Said] | None] = {}
        self.charged: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        self.left = iter(DATES[:-1])
        #: The bills that stand, oldest first, each with its lines by their keys.
        self.bills: list[tuple[BillIssued, Sequence[DraftLine]]] = []

    def do(self, step: Sequence[Any]) -> None:
        match step:
            case ("use", day, said):
                self.use(f"u-{len(self.stands)}", day, said)
            case ("void", which):
                self.correct(which, None)
            case ("amend", which, said):
                self.correct(which, said)
            case ("bill",) if (day := next(self.left, None)) is not None:
                self.bill(day)
            case ("ahead", day):
                through = self.family.billed.through((START + timedelta(days=day)).date())
                self.issue(draft_bills(self.family, date=through, accrued=True))
            case ("take back",) if self.bills:
                bill, lines = self.bills.pop()
                named = {"bill_id": bill.bill_id, "account_id": bill.account_id, "root_id": bill.root_id}
                self.family.billed.evolve(BillVoided(**named))
                self.charge(lines, -1)

    @property
    def family(self) -> Family:
        return self.player.family(id_of("account", "acme"))

    def use(self, uid: str, day: int, said: Said) -> None:
        at = START + timedelta(days=day, minutes=len(self.stands))
        self.player.usage(UsageRecord(SOURCE, uid, "acme", "m", at, None, values_of(said)))
        self.player.arrive(False)
        self.stands[uid] = day, said

    def correct(self, which: int, said: Said | None) -> None:
        """Whichever of the events, counted round; a voided one stays so, whatever is asked of it."""
        if not self.stands:
            return
        uid = list(self.stands)[which % len(self.stands)]
        stood = self.stands[uid]
        if said is None:
            self.player.void("acme", uid)
            self.stands[uid] = None
        elif stood is None:
            with suppress(RefusedError):
                self.player.amend("acme", uid, values_of(said))
                raise AssertionError("what is voided stays so")
        else:
            self.player.amend("acme", uid, values_of(said))
            self.stands[uid] = stood[0], said

    def bill(self, day: date) -> None:
        self.issue(draft_bills(self.family, date=day))

    def issue(self, drafts: Sequence[DraftBill]) -> None:
        for draft in drafts:
            self.bills.append((self.player.issue_draft(draft), draft.lines))
            self.charge(draft.lines, 1)

    def charge(self, lines: Sequence[DraftLine], sign: int) -> None:
        for line in lines:
            sums = self.charged[line.key]
            sums[0], sums[1] = sums[0] + sign * line.amount, sums[1] + sign * line.quantity

    def in_all(self) -> dict[Any, list[Decimal]]:
        return {key: sums for key, sums in self.charged.items() if any(sums)}


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, min_size=5, max_size=16))
def test_all_bills_together_charge_what_stands(steps: list[Sequence[Any]]) -> None:
    played, once = Played(), Played()
    for step in steps:
        played.do(step)
    played.bill(DATES[-1])
    for number, (uid, stood) in enumerate(played.stands.items()):
        if stood is not None:  # at the very moment at which it was: the latest one is that
            once.stands = dict.fromkeys(map(str, range(number)))
            once.use(uid, *stood)
    once.bill(DATES[-1])
    assert played.in_all() == once.in_all()
