"""Everything that has been told so far, and plain questions about it."""

from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from .grid import Grid
from .rates import Record
from .reading import Thing, absent, dates_in, day, day_or_none, flag, texts, whole

KINDS = (
    "products", "meters", "aggregations", "planTemplates", "plans", "pricings", "counters", "counterPricings",
    "contracts", "accounts", "accountPlans", "commitments", "balances",
)  # fmt: skip
SINGULAR = {kind[:-1]: kind for kind in KINDS}
EPOCHS = {"DAILY": "dayEpoch", "WEEKLY": "weekEpoch", "MONTHLY": "monthEpoch", "ANNUALLY": "yearEpoch"}


class World:
    def __init__(self, scenario: Thing) -> None:
        self.organization: Thing = scenario.get("organization") or {}
        self.earliest = min(dates_in(scenario), default=date(1970, 1, 1))
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in KINDS}
        self.created = 0
        self.records: list[Record] = []
        self.seen: set[tuple[str, str]] = set()
        self.adjustments: dict[tuple[str, str], dict[date, Thing]] = defaultdict(dict)
        self.transactions: dict[str, list[Thing]] = defaultdict(list)
        self.top_ups: dict[str, list[Thing]] = defaultdict(list)
        self.cancels: dict[str, Thing] = {}

    def add(self, kind: str, body: Thing) -> None:
        thing = dict(body)
        self.created += 1
        thing["_created"] = self.created
        inner = [("pricings", "plan", i) for i in thing.pop("pricings", None) or []] if kind == "plans" else []
        if kind == "accounts":
            inner += [("accountPlans", "account", i) for i in thing.pop("plans", None) or []]
        if kind == "accountPlans" and absent(thing.get("code")):
            thing["code"] = f"account-plan-{self.created}"
        self.things[kind][str(thing["code"])] = thing
        for inner_kind, owner, item in inner:
            self.add(inner_kind, {**item, owner: thing["code"]})

    def get(self, kind: str, code: object) -> Thing:
        return self.things[kind][str(code)]

    def all(self, kind: str) -> list[Thing]:
        return list(self.things[kind].values())

    # Families

    def parent_of(self, account: str) -> str | None:
        parent = self.get("accounts", account).get("parentAccount")
        return None if absent(parent) else str(parent)

    def root_of(self, account: str) -> str:
        return self.parent_of(account) or account

    def children_of(self, root: str) -> list[str]:
        return sorted(str(a["code"]) for a in self.all("accounts") if a.get("parentAccount") == root)

    def family(self, root: str) -> list[str]:
        return [root, *self.children_of(root)]

    def roots(self) -> list[str]:
        return sorted(str(a["code"]) for a in self.all("accounts") if absent(a.get("parentAccount")))

    # The organization's choices

    @property
    def currency(self) -> str:
        return str(self.organization.get("currency") or "USD")

    @property
    def rounding(self) -> str:
        return str(self.organization.get("roundingMode") or "HALF_EVEN")

    def zone(self, account: str) -> ZoneInfo:
        own = self.get("accounts", self.root_of(account)).get("timezone")
        return ZoneInfo(str(own or self.organization.get("timezone") or "UTC"))

    def local_day(self, account: str, at: datetime) -> date:
        return at.astimezone(self.zone(account)).date()

    def in_advance(self, name: str, *entities: Thing) -> bool:
        for entity in (*entities, self.organization):
            if not absent(entity.get(name)):
                return flag(entity[name])
        return False

    def credit_order(self, account: str) -> list[str]:
        root = self.root_of(account)
        if self.children_of(root):
            return ["PREPAYMENT", "BALANCE"]
        own = texts(self.get("accounts", account).get("creditApplicationOrder"))
        return own or texts(self.organization.get("creditApplicationOrder")) or ["PREPAYMENT", "BALANCE"]

    # Plans

    def plan_term(self, plan: Thing, name: str) -> object:
        """A plan's own term, else its template's."""
        if not absent(plan.get(name)):
            return plan[name]
        return self.template_of(plan).get(name)

    def template_of(self, plan: Thing) -> Thing:
        return self.things["planTemplates"].get(str(plan.get("planTemplate")), {})

    def product_of(self, plan: Thing) -> str:
        return str(self.plan_term(plan, "product") or "")

    def plan_currency(self, plan: Thing) -> str:
        return str(self.plan_term(plan, "currency") or self.currency)

    def account_plans_of(self, account: str) -> list[Thing]:
        mine = [ap for ap in self.all("accountPlans") if ap["account"] == account]
        return sorted(mine, key=lambda ap: self.term_of(ap)[0])

    def term_of(self, account_plan: Thing) -> tuple[date, date]:
        start = day_or_none(account_plan.get("startDate")) or self.earliest
        return start, day_or_none(account_plan.get("endDate")) or date(9000, 1, 1)

    def first_own_day(self, account: str) -> date:
        """From this day on a child is no longer pooled with its parent."""
        return min((self.term_of(ap)[0] for ap in self.account_plans_of(account)), default=date(9000, 1, 1))

    def frequency_of(self, plan: Thing) -> tuple[str, int]:
        frequency = str(self.plan_term(plan, "billFrequency") or "MONTHLY")
        return frequency, whole(self.plan_term(plan, "billFrequencyInterval"), 1)

    def epoch(self, frequency: str, *owners: Thing) -> date:
        """The billEpoch of the first owner that has one, else the organization's, else 1970."""
        for owner in owners:
            if not absent(owner.get("billEpoch")):
                return day(owner["billEpoch"])
        given = self.organization.get(EPOCHS[frequency])
        if not absent(given):
            return day(given)
        return date(1970, 1, 5) if frequency == "WEEKLY" else date(1970, 1, 1)

    def grid_of(self, account_plan: Thing) -> Grid:
        frequency, interval = self.frequency_of(self.get("plans", account_plan["plan"]))
        account = self.get("accounts", account_plan["account"])
        return Grid(frequency, interval, self.epoch(frequency, account_plan, account))

    def commitment_grid(self, commitment: Thing) -> Grid:
        """The grid of a commitment's own periods: its billing plan's, else its account plan's, else monthly."""
        account = self.get("accounts", commitment["account"])
        own = self.account_plans_of(str(commitment["account"]))
        term = day(commitment["startDate"]), day(commitment["endDate"])
        parents = self.account_plans_of(self.root_of(str(commitment["account"])))
        if not absent(commitment.get("billingPlan")):
            plan = self.get("plans", commitment["billingPlan"])
            riding = [ap for ap in own + parents if ap["plan"] == plan["code"] and self.overlaps(ap, term)][:1]
        elif own or parents:
            riding = (own or parents)[:1]
            plan = self.get("plans", riding[0]["plan"])
        else:
            return Grid("MONTHLY", 1, day(commitment.get("billEpoch") or commitment["startDate"]))
        frequency, interval = self.frequency_of(plan)
        return Grid(frequency, interval, self.epoch(frequency, commitment, *riding, account))

    def overlaps(self, account_plan: Thing, term: tuple[date, date]) -> bool:
        start, end = self.term_of(account_plan)
        return start < term[1] and term[0] < end

    # Commitments

    def commitments_of(self, members: list[str], kind: str) -> list[Thing]:
        found = [c for c in self.all("commitments") if c["account"] in members]
        return [c for c in found if (c.get("commitmentType") or "PREPAYMENT") == kind]

    def balances_of(self, members: list[str]) -> list[Thing]:
        return [b for b in self.all("balances") if b["account"] in members]

    def currency_of(self, thing: Thing) -> str:
        return str(thing.get("currency") or self.currency)

    def cuts(self, members: list[str]) -> set[date]:
        """The days on which slices are cut: everything that changes what could be drawn."""
        found: set[date] = set()
        for holder in [*self.commitments_of(members, "PREPAYMENT"), *self.balances_of(members)]:
            found |= {day(holder["startDate"]), day(holder["endDate"])}
            if not absent(holder.get("rolloverEndDate")):
                found.add(day(holder["rolloverEndDate"]))
        for commitment in self.commitments_of(members, "PREPAYMENT"):
            code = str(commitment["code"])
            found |= {day(top_up["date"]) for top_up in self.top_ups[code]}
            if code in self.cancels:
                found.add(day(self.cancels[code]["date"]))
        for balance in self.balances_of(members):
            found |= {day(t["date"]) for t in self.transactions[str(balance["code"])]}
        return found
