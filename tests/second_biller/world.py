"""Everything that has been told so far, and plain questions about it."""

from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from .dated import Dated
from .grid import Grid
from .rates import Record
from .reading import Thing, absent, dates_in, day, day_named, flag, texts, whole
from .readings import EMPTY_ACCOUNT_PLANS_ARE_NONE
from .schedules import TERM, Told, top_ups

KINDS = (
    "products", "meters", "aggregations", "compoundAggregations", "planTemplates", "plans", "pricings",
    "counters", "counterPricings", "contracts", "accounts", "planGroups", "planGroupLinks", "accountPlans",
    "commitments", "balances", "charges", "balanceTransactionSchedules", "balanceChargeSchedules",
)  # fmt: skip
SINGULAR = {kind[:-1]: kind for kind in KINDS}
#: Before the code of a group, where it stands in a plan's place.
GROUP = "group "
EPOCHS = {"DAILY": "dayEpoch", "WEEKLY": "weekEpoch", "MONTHLY": "monthEpoch", "ANNUALLY": "yearEpoch"}


class Unknown(LookupError):
    """A step names what is not there, or no more."""


class World:
    def __init__(self, scenario: Thing) -> None:
        self.organization: Thing = scenario.get("organization") or {}
        self.earliest = min(dates_in(scenario), default=date(1970, 1, 1))
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in KINDS}
        self.created = 0
        self.records: list[Record] = []
        #: Of every uid of an account what stood under it.
        self.seen: dict[tuple[str, str], Thing] = {}
        self.adjustments: dict[tuple[str, str], dict[date, Thing]] = defaultdict(dict)
        self.transactions: dict[str, list[Thing]] = defaultdict(list)
        self.top_ups: dict[str, list[Thing]] = defaultdict(list)
        self.cancels: dict[str, Thing] = {}
        self.dated = Dated()
        self.schedules: list[Told] = []
        #: Of every commitment the grid that was fixed when it was made; None where several account plans were attached.
        self.grids: dict[str, Grid | None] = {}

    def add(self, kind: str, body: Thing) -> None:
        thing = dict(body)
        self.created += 1
        thing["_created"] = self.created
        inner = [("pricings", "plan", i) for i in thing.pop("pricings", None) or []] if kind == "plans" else []
        if kind == "accounts":
            inner += [("accountPlans", "account", i) for i in thing.pop("plans", None) or []]
        if kind in {"accountPlans", "planGroupLinks"} and absent(thing.get("code")):
            thing["code"] = f"{kind}-{self.created}"
        self.things[kind][str(thing["code"])] = thing
        self.dated.made(kind, thing)
        if kind in TERM:
            self.schedules = [*self.schedules, Told(kind, str(thing["code"]), [(date.min, thing)])]
        self.name_contract(thing)
        for inner_kind, owner, item in inner:
            self.add(inner_kind, {**item, owner: thing["code"]})

    def name_contract(self, thing: Thing) -> None:
        """A contract that is only named belongs to the root of the account that names it."""
        if not absent(thing.get("contract")) and str(thing["contract"]) not in self.things["contracts"]:
            code = str(thing["contract"])
            self.things["contracts"][code] = {"code": code, "account": self.root_of(str(thing["account"]))}

    def get(self, kind: str, code: object) -> Thing:
        if kind == "plans" and str(code).startswith(GROUP):
            return self.group_as_plan(str(code).removeprefix(GROUP))
        if str(code) not in self.things[kind]:
            raise Unknown(f"there is no {code} among the {kind}")
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

    def day_of(self, account: str, value: object) -> date:
        return day_named(value, self.zone(account))

    def day_or(self, account: str, value: object, default: date) -> date:
        return default if absent(value) else self.day_of(account, value)

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

    def plans_in(self, group: object) -> list[str]:
        """As they were linked."""
        links = [
            plan_group_link for plan_group_link in self.all("planGroupLinks") if plan_group_link["planGroup"] == group
        ]
        return [str(link["plan"]) for link in sorted(links, key=lambda link: link["_created"])]

    def group_as_plan(self, code: str) -> Thing:
        """What a group charges itself: under no product, by the billing periods of its first plan."""
        group = self.get("planGroups", code)
        first = self.get("plans", self.plans_in(code)[0])
        frequency, interval = self.frequency_of(first)
        made = {"product": "", "billFrequency": frequency, "billFrequencyInterval": interval, "isGroup": True}
        return {**group, **made, "currency": group.get("currency") or self.currency}

    def attached(self, account_plan: Thing) -> list[Thing]:
        """An account plan of a group as one for each of its plans, and one, the last, for the group itself."""
        if absent(account_plan.get("planGroup")):
            return [account_plan]
        plans = self.plans_in(account_plan["planGroup"])
        every = [*plans, *([f"{GROUP}{account_plan['planGroup']}"] if plans else [])]
        return [{**account_plan, "plan": plan, "code": f"{account_plan['code']}/{plan}"} for plan in every]

    def term_on(self, plan: Thing, name: str, start: date) -> object:
        """A standing charge or minimum spend as it holds for what starts on this day: the plan's own, else its
        template's."""
        if "isGroup" in plan:
            return self.dated.on("planGroups", str(plan["code"]), name, start)
        own = self.dated.on("plans", str(plan["code"]), name, start)
        return self.dated.on("planTemplates", str(plan.get("planTemplate")), name, start) if absent(own) else own

    def ever(self, plan: Thing, name: str) -> bool:
        """Whether the plan, or its template, ever had such a term."""
        template = str(plan.get("planTemplate"))
        if "isGroup" in plan:
            return self.dated.ever("planGroups", str(plan["code"]), name)
        return self.dated.ever("plans", str(plan["code"]), name) or self.dated.ever("planTemplates", template, name)

    def template_of(self, plan: Thing) -> Thing:
        return self.things["planTemplates"].get(str(plan.get("planTemplate")), {})

    def product_of(self, plan: Thing) -> str:
        return str(self.plan_term(plan, "product") or "")

    def plan_currency(self, plan: Thing) -> str:
        return str(self.plan_term(plan, "currency") or self.currency)

    def account_plans_of(self, account: str) -> list[Thing]:
        mine = [ap for ap in self.all("accountPlans") if ap["account"] == account]
        if EMPTY_ACCOUNT_PLANS_ARE_NONE:
            mine = [ap for ap in mine if self.term_of(ap)[0] < self.term_of(ap)[1]]
        return sorted(mine, key=lambda ap: self.term_of(ap)[0])

    def term_of(self, account_plan: Thing) -> tuple[date, date]:
        account = str(account_plan["account"])
        start = self.day_or(account, account_plan.get("startDate"), self.earliest)
        return start, self.day_or(account, account_plan.get("endDate"), date(9000, 1, 1))

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

    # Commitments

    def commitments_of(self, members: list[str], kind: str) -> list[Thing]:
        commitments = [c for c in self.all("commitments") if c["account"] in members]
        return [c for c in commitments if (c.get("commitmentType") or "PREPAYMENT") == kind]

    def balances_of(self, members: list[str]) -> list[Thing]:
        return [b for b in self.all("balances") if b["account"] in members]

    def currency_of(self, thing: Thing) -> str:
        return str(thing.get("currency") or self.currency)

    def cuts(self, members: list[str]) -> set[date]:
        """The days on which slices are cut: everything that changes what could be drawn."""
        edges: set[date] = set()
        for holder in [*self.commitments_of(members, "PREPAYMENT"), *self.balances_of(members)]:
            named = (holder.get(name) for name in ("startDate", "endDate", "rolloverEndDate"))
            edges |= {self.day_of(str(holder["account"]), value) for value in named if not absent(value)}
        for commitment in self.commitments_of(members, "PREPAYMENT"):
            code = str(commitment["code"])
            edges |= {day(top_up["date"]) for top_up in self.top_ups[code]}
            if code in self.cancels:
                edges.add(day(self.cancels[code]["date"]))
        for balance in self.balances_of(members):
            told = self.transactions[str(balance["code"])]
            edges |= {self.day_of(str(balance["account"]), t["date"]) for t in told}
            edges |= {at for at, _ in top_ups(self, balance)}
        return edges
