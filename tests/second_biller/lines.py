"""What is due up to now, as lines by key; and the difference to what was billed."""

from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from .charges import Charge
from .fees import fees_of
from .holders import Holder
from .money import divide, round_money, show, show_number
from .overage import band_overage, pooled_charges
from .reading import Thing
from .settlement import Settlement
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
    #: Where the periods of all that is on it end.
    ends: set[date] = field(default_factory=set)


Lines = dict[Key, Line]


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

    def put(self, key: Key, end: date, amount: Fraction, quantity: Fraction | None, **extra: Any) -> None:
        line = self.lines.setdefault(key, Line(end))
        if amount or quantity:
            line.end = max(line.end, end) if line.amount or line.quantity else end
            line.ends.add(end)
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
        self.put(key, charge.end, amount, quantity, **extra)

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
        self.put(key, charge.end, -amount, None, **named)


def due_lines(world: World, settled: Settlement) -> Lines:
    lander = Lander(world)
    spends = {id(spend.charge): spend for spend in settled.spends}
    for charge in settled.drawn.charges:
        if charge.type == "USAGE":
            usage_lines(world, lander, charge)
        elif id(charge) in spends:
            for kind, amount in spends[id(charge)].lines_at(settled.today):
                lander.charge(charge, kind, amount)
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
        lander.put(key, credit.end, credit.line_amount, None)
    fee_lines(world, lander, settled)
    return lander.lines


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


def difference(every: Lines, billed: Lines, account: str) -> Lines:
    """One net line per key of the account's bills; it is written when its amount or its quantity differs from what was
    billed. `every` is what is due on all bills of the family."""
    net: Lines = {}
    for key in sorted(key for key in {*every, *billed} if key.bill_account == account):
        was = billed.get(key)
        now = every.get(key) or replace(billed[key], amount=Fraction(0), quantity=None, end=end_now(every, billed, key))
        amount = now.amount - (was.amount if was else 0)
        quantity = (now.quantity or Fraction(0)) - ((was.quantity if was else None) or Fraction(0))
        if amount or quantity:
            counts = now.quantity is not None or (was is not None and was.quantity is not None)
            net[key] = Line(now.end, amount, quantity if counts else None, now.extra)
    return net


def end_now(every: Lines, billed: Lines, key: Key) -> date:
    """Where the period of a key that nothing is due for ends now: where it ends for other lines of the charge.

    A line for several accounts named the latest end of theirs: it stays while a line of any of them ends there.
    """
    same = [k for k in every if k.plan and (k.plan, k.item, k.start) == (key.plan, key.item, key.start)]
    # A standing charge may cover more than the billing period of the plan's minimum spend.
    same = [k for k in same if k.of_standing_charge == key.of_standing_charge]
    near = [every[k] for k in same if key.account in (k.account, key.bill_account)]
    ends = [end for line in near for end in line.ends | {line.end}]
    if not ends or billed[key].end in ends:
        return billed[key].end
    return max([every[k].end for k in same if k.account == key.account] or ends)


def add_billed(billed: Lines, net: Lines) -> None:
    for key, line in net.items():
        was = billed.get(key, Line(line.end))
        quantity = None
        if line.quantity is not None or was.quantity is not None:
            quantity = (was.quantity or Fraction(0)) + (line.quantity or Fraction(0))
        billed[key] = Line(line.end, was.amount + line.amount, quantity, line.extra)


def show_line(key: Key, line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": key.type, "amount": show(line.amount, key.currency)}
    if line.quantity is not None:
        shown["quantity"] = show_number(line.quantity)
    if key.product:
        shown["product"] = key.product
    shown["period"] = [key.start.isoformat(), line.end.isoformat()]
    if key.account != key.bill_account:
        shown["childAccount"] = key.account
    return shown | line.extra
