"""Credits, then draw-down, slice by slice in order; what stays uncovered is overage."""

from dataclasses import dataclass
from fractions import Fraction

from .charges import Charge, Slice
from .holders import Holder, in_draw_order
from .other_charges import Credit
from .world import World

RANK = {
    "STANDING_CHARGE": 0, "COUNTER_RUNNING_TOTAL_CHARGE": 1, "COUNTER_ADJUSTMENT_DEBIT": 2, "USAGE": 3,
    "MINIMUM_SPEND": 4, "AD_HOC": 5, "BALANCE_FEE": 6,
}  # fmt: skip

Pair = tuple[Charge, Slice]


@dataclass
class Drawn:
    """What a settlement of draws leaves behind: the slices know their draws, the holders what they gave."""

    charges: list[Charge]
    credits: list[Credit]
    holders: dict[str, Holder]

    def holder(self, key: str) -> Holder:
        return self.holders[key]


def order_of(pair: Pair) -> tuple[object, ...]:
    charge, piece = pair
    return piece.start, RANK[charge.type], charge.product, charge.account, charge.plan, charge.item, charge.start


def in_order(charges: list[Charge]) -> list[Pair]:
    return sorted(((charge, piece) for charge in charges for piece in charge.slices), key=order_of)


def in_scope(credit: Credit, charge: Charge) -> bool:
    same = charge.account == credit.account and charge.currency == credit.currency
    return same and (credit.scope is None or charge.product == credit.scope)


def covers(credit: Credit, other: Credit) -> bool:
    same = other.account == credit.account and other.currency == credit.currency
    return same and credit.scope in (None, other.product) and credit.start <= other.start < credit.end


def apply_credits(charges: list[Charge], credits: list[Credit]) -> None:
    """Latest slice first. A credit pricing stops where its scope, with what is credited anyway, is at zero."""
    pairs = in_order(charges)
    ordered = sorted(credits, key=lambda c: (c.rank, c.start, c.product, c.account, c.plan, c.item))
    payable: list[tuple[Credit, Fraction]] = []
    for credit in ordered:
        inside = [(c, p) for c, p in pairs if in_scope(credit, c) and credit.start <= p.start < credit.end]
        left = max(Fraction(0), credit.amount)
        if credit.rank > 0:
            net = sum((piece.owed for _, piece in inside), Fraction(0))
            whole = [c for c in charges if in_scope(credit, c) and credit.start <= c.start < credit.end]
            net += sum((c.rest for c in whole), Fraction(0))
            net -= sum((rest for other, rest in payable if covers(credit, other)), Fraction(0))
            left = min(left, max(Fraction(0), net))
        credit.applied = left
        for _, piece in reversed(inside):
            taken = min(left, piece.owed)
            piece.credited += taken
            left -= taken
        if credit.rank == 0:
            payable.append((credit, left))


def draw_down(world: World, root: str, charges: list[Charge], credits: list[Credit]) -> Drawn:
    members = world.family(root)
    holders = {f"commitment {c['code']}": Holder(world, c, False) for c in world.commitments_of(members, "PREPAYMENT")}
    holders |= {f"balance {b['code']}": Holder(world, b, True) for b in world.balances_of(members)}
    apply_credits(charges, credits)
    for charge, piece in in_order(charges):
        pay(world, charge, piece, holders)
    return Drawn(charges, credits, holders)


def pay(world: World, charge: Charge, piece: Slice, holders: dict[str, Holder]) -> None:
    owes = piece.owed
    may = [h for h in holders.values() if h.may_pay(world, charge, piece.start)]
    ordered = in_draw_order(world, charge.account, may, piece.start)
    for holder in ordered:
        taken = min(owes, holder.left(piece.start))
        if taken > 0:
            holder.draw(piece.start, taken)
            key = f"{'balance' if holder.is_balance else 'commitment'} {holder.code}"
            piece.draws[key] = piece.draws.get(key, Fraction(0)) + taken
            owes -= taken
    if charge.type != "USAGE" or owes <= 0:
        return
    with_terms = [h for h in ordered if h.in_term(piece.start) and h.has_terms]
    if with_terms:
        piece.uncovered = owes
        piece.terms = with_terms[-1]
