"""What is due up to now, as lines by key."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from .charges import Charge
from .fees import fees_of
from .holders import Holder
from .money import divide, round_money
from .overage import band_overage, pooled_charges
from .reading import Thing
from .settlement import Held, Settlement
from .world import World


class Key(NamedTuple):
    bill_account: str
    currency: str
    type: str
    account: str
    product: str
    plan: str
    item: str
    start: date
    holder: str
    #: For a draw the type of the charge it pays.
    pays: str = ""

    @property
    def of_standing_charge(self) -> bool:
        return "STANDING_CHARGE" in (self.type, self.pays)


@dataclass
class Line:
    end: date
    amount: Fraction = Fraction(0)
    quantity: Fraction | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    #: The account plans whose charges are on it, those of 0 too.
    account_plans: set[str] = field(default_factory=set)
    #: When the last charge on it is due in arrears; None: it is there once it is due.
    due: date | None = None


Lines = dict[Key, Line]


@dataclass
class Due:
    """`ends` as in Settlement: a line that gives back what is due no more names its period by it."""

    lines: Lines
    ends: dict[Held, date]


class Lander:
    """Puts amounts on lines; the childBillingMode says on whose bill and in whose name."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lines: Lines = {}

    def place(self, account: str, mode: object, divided: bool) -> tuple[str, str]:
        root = self.world.root_of(account)
        if account == root or mode == "CHILD":
            return account, account
        return root, root if mode == "PARENT_SUMMARY" and divided else account

    def put(
        self, key: Key, end: date, amount: Fraction, quantity: Fraction | None, account_plan: Thing | None = None,
        due: date | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        line = self.lines.setdefault(key, Line(end))
        if due and (amount or quantity):
            line.due = max(due, line.due or due)
        line.account_plans |= {str(account_plan["code"])} if account_plan else set()
        if amount or quantity:
            line.end = max(line.end, end) if line.amount or line.quantity else end
        line.amount += amount
        if quantity is not None:
            line.quantity = (line.quantity or Fraction(0)) + quantity
        line.extra |= {name: value for name, value in extra.items() if value}

    def charge(
        self, charge: Charge, kind: str, amount: Fraction, quantity: Fraction | None = None, holder: str = "",
        **extra: Any,
    ) -> None:  # fmt: skip
        """A line of a charge: where the mode of the account plan that rates it says."""
        key = self.key_of(charge, kind, holder)
        self.put(key, charge.end, amount, quantity, charge.account_plan, charge.due, **extra)

    def key_of(self, charge: Charge, kind: str, holder: str) -> Key:
        bill, account = self.place(charge.account, charge.account_plan.get("childBillingMode"), True)
        return Key(bill, charge.currency, kind, account, charge.product, charge.plan, charge.item, charge.start, holder)

    def draw(self, charge: Charge, owner: Holder, amount: Fraction) -> None:
        """On the bill of its charge; on a parent's the commitment's mode says whether accounts have a line each, a
        balance's draw stands as its charge does."""
        kind = "BALANCE" if owner.is_balance else "COMMITMENT"
        key = self.key_of(charge, f"{kind}_CONSUMED", f"{kind} {owner.code}")._replace(pays=charge.type)
        root, mode = self.world.root_of(charge.account), owner.thing.get("childBillingMode")
        if key.bill_account == root and not owner.is_balance:
            key = key._replace(account=root if mode == "PARENT_SUMMARY" else charge.account)
        named = {kind.lower(): owner.code, "description": owner.thing.get("commitmentUsageDescription")}
        self.put(key, charge.end, -amount, None, charge.account_plan, charge.due, **named)


def due_lines(world: World, settled: Settlement) -> Due:
    lander = Lander(world)
    spends = {id(spend.charge): spend for spend in settled.spends}
    for charge in settled.drawn.charges:
        if charge.type == "USAGE":
            usage_lines(world, lander, charge)
        elif id(charge) in spends:
            for kind, amount in spends[id(charge)].lines_at(settled.today):
                lander.charge(charge, kind, amount)
        elif charge.type in ("AD_HOC", "BALANCE_FEE"):
            one_off_line(world, lander, charge)
        else:
            lander.charge(charge, charge.type, charge.amount, charge.quantity)
        for piece in charge.slices:
            for holder, drawn in piece.draws.items():
                lander.draw(charge, settled.drawn.holder(holder), drawn)
    for parts in pooled_charges(settled.drawn.charges):
        surcharges(world, lander, parts)
        band_overage(parts, lander)
    for credit in settled.drawn.credits:
        kind = "COUNTER_ADJUSTMENT_CREDIT" if credit.rank == 0 else "USAGE_CREDIT"
        bill, account = lander.place(credit.account, credit.account_plan.get("childBillingMode"), True)
        key = Key(bill, credit.currency, kind, account, credit.product, credit.plan, credit.item, credit.start, "")
        lander.put(key, credit.end, credit.line_amount, None, credit.account_plan, credit.due)
    fee_lines(world, lander, settled)
    return Due(lander.lines, settled.ends)


def one_off_line(world: World, lander: Lander, charge: Charge) -> None:
    """In its own words; a fee names its balance, and counts nothing."""
    told = charge.account_plan if charge.account_plan.get("entity") else world.get("charges", charge.item)
    text = told.get("description") or told.get("name") or told["code"]
    quantity = charge.quantity if charge.type == "AD_HOC" else None
    lander.charge(charge, charge.type, charge.amount, quantity, description=text, balance=told.get("entity"))


def usage_lines(world: World, lander: Lander, charge: Charge) -> None:
    """The usage itself, less what is separated."""
    separated: dict[str, Fraction] = {}
    terms = {}
    for piece in charge.slices:
        if piece.terms is None:
            continue
        name = piece.terms.code
        terms[name] = piece.terms
        if piece.terms.separates:
            separated[name] = separated.get(name, Fraction(0)) + piece.uncovered
    amount = charge.amount - sum(separated.values(), Fraction(0))
    segment = charge.whole.pricing.get("segment") if charge.whole else None
    lander.charge(charge, "USAGE", amount, charge.quantity, segment=segment)
    bands = bool(charge.whole and charge.whole.pricing.get("overagePricingBands"))
    for name, uncovered in separated.items():
        if not bands:
            text = terms[name].thing.get("overageDescription")
            lander.charge(charge, "OVERAGE_USAGE", uncovered, None, name, commitment=name, description=text)


def surcharges(world: World, lander: Lander, parts: list[Charge]) -> None:
    """Rounded once for the pooled charge and the holder whose terms hold, then divided by what each left uncovered."""
    uncovered: dict[tuple[bool, str], dict[str, Fraction]] = {}
    terms = {}
    for part in parts:
        for piece in part.slices:
            if piece.terms is not None and not piece.terms.separates:
                key = (piece.terms.is_balance, piece.terms.code)
                terms[key] = piece.terms
                mine = uncovered.setdefault(key, {})
                mine[part.account] = mine.get(part.account, Fraction(0)) + piece.uncovered
    for key, by_account in uncovered.items():
        total = sum(by_account.values(), Fraction(0)) * terms[key].surcharge / 100
        extra = round_money(total, parts[0].currency, world.rounding)
        divided = divide(extra, by_account, "", parts[0].currency)
        named = {"balance" if key[0] else "commitment": key[1]}
        for part in [p for p in parts if p.account in divided]:
            lander.charge(part, "OVERAGE_SURCHARGE", divided[part.account], None, f"{key}", **named)


def fee_lines(world: World, lander: Lander, settled: Settlement) -> None:
    """What is not due is 0: should it have been billed, its line names the period as it now is."""
    members = world.family(settled.root)
    for commitment in world.commitments_of(members, "PREPAYMENT"):
        for fee in fees_of(world, commitment):
            amount = fee.amount if fee.due <= settled.today else Fraction(0)
            fee_line(world, lander, commitment, fee.start, fee.end, amount, False)
    for commitment, periods in settled.minimums:
        for period in periods:
            amount = period.shortfall if period.end <= settled.today else Fraction(0)
            fee_line(world, lander, commitment, period.start, period.end, amount, True)


def fee_line(
    world: World, lander: Lander, commitment: Thing, start: date, end: date, amount: Fraction, true_up: bool
) -> None:
    code, currency = str(commitment["code"]), world.currency_of(commitment)
    bill, account = lander.place(str(commitment["account"]), commitment.get("childBillingMode"), False)
    product = str(commitment.get("feesAccountingProduct") or "")
    key = Key(bill, currency, "COMMITMENT_FEE", account, product, "", "", start, code)
    text = commitment.get("commitmentFeeDescription")
    lander.put(key, end, amount, None, commitment=code, trueUp=true_up, description=text)
