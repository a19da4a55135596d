"""What may happen to a family of `bundles`, in any order; what a rule refuses does not happen."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from services.simulate.entities import Entities
from services.simulate.player import RefusedError, UsageRecord
from tests.insight.explaining import ExplainingPlayer
from tests.settlement.bundles import BALANCES, PLANS, Fields, picked
from tests.settlement.playing import document_of, lined
from tests.settlement.stories import DAYS, FORMULAS, START, Random, days, maybe, pricings, usage

Happening = tuple[str, tuple[Any, ...]]
AMOUNTS = st.integers(0, 90).map(Decimal)
SCHEDULES = st.sampled_from(["balanceTransactionSchedule", "balanceChargeSchedule"])
#: Kind, code and fields.
CHANGES = st.sampled_from([
    *(("compoundAggregation", "mix", {"calculation": formula.format(one="b", other="a")}) for formula in FORMULAS),
    ("compoundAggregation", "mix", {"rounding": "DOWN", "quantityPerUnit": 2}),
    ("aggregation", "a", {"defaultValue": 3}),
    ("aggregation", "b", {"quantityPerUnit": 2, "rounding": "UP"}),
    ("planTemplate", "plan-0", {"billFrequency": "WEEKLY", "billFrequencyInterval": 3}),
    ("planTemplate", "plan-1", {"billFrequency": "MONTHLY", "billFrequencyInterval": 1}),
    ("planGroup", "bundle", {"minimumSpendBillInAdvance": True, "standingChargeBillInAdvance": False}),
    ("product", "product-1", {"code": "zeta"}),
    ("counterPricing", "seat", {"runningTotalBillInAdvance": False}),
    ("plan", "plan-0", {"planTemplate": "plan-2"}),
    ("contract", "deal", {"endDate": "2026-03-01"}),
])  # fmt: skip
#: Kind and code.
REMOVED = st.sampled_from([
    ("commitment", "prepaid"), ("commitment", "least"), ("accountPlan", "on"), ("pricing", "price-0"),
    ("counterPricing", "seat"), ("charge", "charge-2"), ("pricing", "price-5"),
])  # fmt: skip
FEES = st.sampled_from(["minimumSpend", "standingCharge"])


class BundlePlayer(ExplainingPlayer):
    """Plays them one by one; every line that it issues it explains."""

    def __init__(self, family: Random) -> None:
        super().__init__()
        self.configure(family.organization)
        self._entities = Entities(family.organization["currency"], START)
        #: By plan, what the last of its links is called.
        self._links: dict[str, str] = {}
        self._count = 0
        self.make(family.lists)

    def make(self, lists: dict[str, list[Fields]]) -> None:
        for made in self._entities.documents(lined(lists)):
            self.create(made)
            if made.kind == "planGroupLink":
                self._links[made.fields["plan"]] = made.code

    def happen(self, happening: Happening) -> bool:
        """False: a rule refused it, or the rest of it."""
        name, arguments = happening
        self._count += 1
        try:
            getattr(self, name)(*arguments)
        except RefusedError:
            return False
        return True

    def use(self, records: list[UsageRecord]) -> None:
        for record in records:
            self.usage(record)

    def link(self, group: str, plan: str) -> None:
        self.make({"planGroupLinks": [{"planGroup": group, "plan": plan}]})

    def unlink(self, plan: str) -> None:
        self.delete("planGroupLink", self._links.get(plan, "none"), False)

    def move(self, group: str, day: date) -> None:
        """On another group from a day on."""
        self.update("accountPlan", "on", {"endDate": day.isoformat()})
        on = {"code": f"on-{self._count}", "account": "acme", "planGroup": group, "startDate": day.isoformat()}
        self.make({"accountPlans": [on]})

    def price(self, plan: str, price: Fields, day: date) -> None:
        named = {"code": f"price-{self._count}-later", "plan": plan, "startDate": day.isoformat()}
        self.make({"pricings": [price | named]})

    def reschedule(self, kind: str, balance: str, day: date, amount: int) -> None:
        changed: Fields = {"amount": Decimal(amount)}
        if kind == "balanceChargeSchedule":
            changed |= {"units": None, "unitPrice": None}
        self.update(kind, _schedule(kind, balance), changed, day)

    def change_interval(self, kind: str, balance: str, day: date) -> None:
        names = {"balanceTransactionSchedule": ("frequency", "frequencyInterval")}
        frequency, interval = names.get(kind, ("billFrequency", "billFrequencyInterval"))
        self.update(kind, _schedule(kind, balance), {frequency: "WEEKLY", interval: 2}, day)

    def turn(self, balance: str, day: date, in_advance: bool) -> None:
        """Fees in advance, or in arrears."""
        self.update("balanceChargeSchedule", f"fee-{balance}", {"billInAdvance": in_advance}, day)

    def end_schedule(self, kind: str, balance: str, day: date, as_if_never: bool) -> None:
        self.delete(kind, _schedule(kind, balance), as_if_never, day)

    def change_fee(self, kind: str, fee: str, amount: Decimal, day: date | None) -> None:
        code = "bundle" if kind == "planGroup" else "plan-0"
        self.update(kind, code, {fee: amount}, day)

    def change(self, what: tuple[str, str, Fields]) -> None:
        """Something of the catalog that has no day."""
        self.update(*what)

    def end(self, what: tuple[str, str], day: date) -> None:
        self.update(*what, {"endDate": day.isoformat()})

    def remove(self, what: tuple[str, str]) -> None:
        """Deleted, as if it had never been."""
        self.delete(*what, True)

    def charge(self, account: str, day: date, balance: str | None) -> None:
        fields = {"code": f"charge-{self._count}", "account": account, "amount": 17}
        service = {"servicePeriodStartDate": day.isoformat(), "servicePeriodEndDate": (day + timedelta(3)).isoformat()}
        fee = {"entity": balance, "entityType": "BALANCE", "lineItemType": "BALANCE_FEE"} if balance else {}
        self.make({"charges": [fields | service | fee]})

    def seats(self, day: date, value: int) -> None:
        self._count += 1
        body = {"account": "acme", "counter": "seats", "date": day.isoformat(), "value": value}
        self.create(document_of("counterAdjustment", f"seats-{self._count}", body))


def _schedule(kind: str, balance: str) -> str:
    return f"{'refill' if kind == 'balanceTransactionSchedule' else 'fee'}-{balance}"


def happenings(accounts: list[str]) -> st.SearchStrategy[Happening]:
    """Any of them, by name, with what it takes."""
    wallet, plan, account = st.sampled_from(BALANCES), st.sampled_from(PLANS), st.sampled_from(accounts)
    group = picked("bundle", "bundle", "other")
    used, price = st.lists(usage(accounts), min_size=1, max_size=5), pricings("mix", 0, "compoundAggregation")
    policy = maybe(picked("WAIVE", "KEEP", "PRORATE"))
    takes: dict[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]] = {
        BundlePlayer.use: (used,),
        BundlePlayer.bill: (days(0, DAYS), maybe(account)),
        BundlePlayer.link: (group, plan),
        BundlePlayer.unlink: (plan,),
        BundlePlayer.move: (group, days(10, 110)),
        BundlePlayer.price: (plan, price, days(5, 100)),
        BundlePlayer.reschedule: (SCHEDULES, wallet, days(0, 100), st.integers(1, 30)),
        BundlePlayer.change_interval: (SCHEDULES, wallet, days(0, 100)),
        BundlePlayer.end_schedule: (SCHEDULES, wallet, days(0, 100), st.booleans()),
        BundlePlayer.turn: (wallet, days(0, 100), st.booleans()),
        BundlePlayer.change_fee: (picked("planGroup", "plan", "planTemplate"), FEES, AMOUNTS, maybe(days(0, 100))),
        BundlePlayer.change: (CHANGES,),
        BundlePlayer.end: (picked(("balance", "wallet"), ("accountPlan", "on"), ("commitment", "least")), days()),
        BundlePlayer.transact: (wallet, st.integers(-40, 60).filter(bool).map(Decimal), days(0, 100)),
        BundlePlayer.charge: (account, days(0, 100), maybe(wallet)),
        BundlePlayer.seats: (days(0, 100), st.integers(0, 9)),
        BundlePlayer.top_up: (picked("prepaid", "least"), AMOUNTS, days(), st.booleans()),
        BundlePlayer.cancel: (picked("prepaid", "least"), days(), policy),
        BundlePlayer.remove: (REMOVED,),
    }
    strategies = {happening.__name__: st.tuples(*arguments) for happening, arguments in takes.items()}
    every = [st.tuples(st.just(name), arguments) for name, arguments in strategies.items()]
    return st.one_of(*[st.tuples(st.just("use"), strategies["use"])] * 5, *every)
