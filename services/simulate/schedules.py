"""Says of a commitment's fee schedule when it bills something else than what is outstanding (rules 6.5)."""

from decimal import Decimal

from events.decimals import normal, plain
from events.resources.commitments import Commitment

#: Who replaces one of these has given the schedule's terms anew.
TERMS = ("amount", "amountPrePaid", "feeDates", "currency")


def schedule_notes(commitment: str, body: Commitment) -> list[str]:
    """What is to be said of the commitment, which is called so."""
    rest = body.unscheduled
    if not rest:
        return []
    what = f"{_spelt(rest)} is on no date" if rest > 0 else f"{_spelt(-rest)} more than that"
    money = f"{_spelt(body.outstanding - rest)} of the {_spelt(body.outstanding)} {body.currency}"
    return [f"{commitment}: its feeDates bill {money} outstanding: {what}"]


def _spelt(amount: Decimal) -> str:
    """Without trailing zeros: the wire's answers have other ones than what was asked."""
    return plain(normal(amount))
