"""The slices of a charge with their draws, and the reason why each other fund did not pay (rules 4.1 to 4.6)."""

from collections.abc import Iterator

from projections.explain.parts import Add, Document, LinePart, charge_document, charge_resources
from projections.rating.charges import Charge
from projections.settlement import Considered, Settlement
from projections.settlement.agreements import Fund
from projections.settlement.drawdown import SettledPiece, Taken


def draw_part(settlement: Settlement, charge: Charge, fund: Fund) -> LinePart:
    """The draws of the charge's slices on a commitment or balance, negative as on its CONSUMED line."""
    adds = tuple(
        Add(f"drawn by the slice from {outcome.piece.start}", -draw.amount)
        for outcome in settlement.outcomes.get(charge.key, ())
        for draw in outcome.taken
        if settlement.terms.funds[draw.fund] is fund
    )
    return LinePart(
        adds,
        charge.plan.rounding,
        {"charge": charge_document(charge), "agreement": fund_document(settlement, fund)},
        slice_documents(settlement, charge),
        resources=charge_resources(charge) | {fund.id},
    )


def slice_documents(settlement: Settlement, charge: Charge) -> tuple[Document, ...]:
    """Every settled slice of the charge, by service start."""
    return tuple(_slice(settlement, charge, outcome) for outcome in settlement.outcomes.get(charge.key, ()))


def _slice(settlement: Settlement, charge: Charge, outcome: SettledPiece) -> Document:
    money, piece = charge.plan.rounding.decimal, outcome.piece
    document: Document = {
        "start": piece.start,
        "amount": money(piece.amount + piece.credited),
        "credited": money(piece.credited),
        "drawn": money(sum(draw.amount for draw in outcome.taken)),
        "uncovered": money(outcome.uncovered),
        "candidates": list(_candidates(settlement, charge, outcome)),
    }
    if outcome.overage is not None:
        document["overageTermsOf"] = settlement.terms.funds[outcome.overage].id
    return document


def _candidates(settlement: Settlement, charge: Charge, outcome: SettledPiece) -> Iterator[Document]:
    """Every commitment and balance of the family: its place and the amount it gave, or the reason why it gave
    nothing.
    """
    funds = settlement.terms.funds
    by_id = {fund.id: fund for fund in funds}
    taken = {funds[draw.fund].id: draw for draw in outcome.taken}
    for fund_considered in settlement.considered(charge.key, outcome.piece.start):
        fund, drawn = by_id[fund_considered.agreement_id], taken.get(fund_considered.agreement_id)
        document: Document = {"id": fund.id, "code": fund.code, "kind": fund.kind}
        if fund_considered.place is not None:
            document["place"] = fund_considered.place
        if drawn is None:
            document["reason"] = fund_considered.reason or _passed_over(outcome, fund_considered)
        else:
            document |= {"drawn": fund.rounding.decimal(drawn.amount), "rolledOver": drawn.rolled}
        yield document


def _passed_over(outcome: SettledPiece, fund_considered: Considered) -> str:
    """The reason why an eligible commitment gave nothing."""
    if outcome.piece.amount < 0:
        return "the slice is a credit, and a credit touches no commitment"
    if not outcome.piece.amount:
        return "credits left nothing of the slice to pay"
    if not outcome.uncovered and _after_last(outcome.taken, fund_considered):
        return "the slice was covered before its turn"
    return "nothing was left in it"


def _after_last(taken: tuple[Taken, ...], fund_considered: Considered) -> bool:
    return fund_considered.place is not None and all(other.place < fund_considered.place for other in taken)


def fund_document(settlement: Settlement, fund: Fund) -> Document:
    """A commitment or balance as draw-down sees it: the amount paid in by the settlement's day."""
    money = fund.rounding.decimal
    return {
        "id": fund.id,
        "code": fund.code,
        "kind": fund.kind,
        "term": [fund.start, fund.end],
        "paidIn": [{"from": day, "total": money(total)} for day, total in fund.paid_in.steps(settlement.through)],
    }
