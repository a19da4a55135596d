"""Settlement: what an account family owes, how it is paid, and the bills that follow (rules 4 to 8)."""

from projections.aggregates import Totals, TotalsKey
from projections.resources import together
from projections.settlement.agreements import Considered
from projections.settlement.bill_differences import (
    draft_again,
    draft_bills,
    issue,
    settled_again,
    unbilled,
    unbilled_by,
    unbilled_of,
)
from projections.settlement.billed import Billed, LineKey, PendingBill
from projections.settlement.comparing import ComparedBill, ComparedLine, compare_bills
from projections.settlement.drafts import DraftBill, DraftLine
from projections.settlement.family import Family, FamilyTerms, assemble, compile_terms, family_under, terms_of
from projections.settlement.lines import DueLine
from projections.settlement.settle import settle, settled
from projections.settlement.settled import Draw, SettledState, Settlement
from projections.settlement.states import AgreementState, PeriodState
from projections.settlement.unpriced import Unpriced, unpriced

__all__ = [
    "AgreementState",
    "Billed",
    "ComparedBill",
    "ComparedLine",
    "Considered",
    "DraftBill",
    "DraftLine",
    "Draw",
    "DueLine",
    "Family",
    "FamilyTerms",
    "LineKey",
    "PendingBill",
    "PeriodState",
    "SettledState",
    "Settlement",
    "Totals",
    "TotalsKey",
    "Unpriced",
    "assemble",
    "compare_bills",
    "compile_terms",
    "draft_again",
    "draft_bills",
    "family_under",
    "issue",
    "settle",
    "settled",
    "settled_again",
    "terms_of",
    "together",
    "unbilled",
    "unbilled_by",
    "unbilled_of",
    "unpriced",
]
