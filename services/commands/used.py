"""When a commitment or balance is used, so that it is not deleted without force (rules 8.10)."""

from decimal import Decimal

from projections.settlement import Billed


def is_used(agreement_id: str, *, billed: Billed, spent: Decimal) -> bool:
    """Whether it has drawn or billed anything: `billed` are its root's bills, `spent` is what was drawn on it."""
    return bool(spent) or any(key.agreement_id == agreement_id for key in billed.by_key)
