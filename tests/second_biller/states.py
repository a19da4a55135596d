"""A commitment's derived fields, as of a day, with all usage that has arrived."""

from datetime import date
from fractions import Fraction
from typing import Any

from .fees import unscheduled
from .holders import Holder
from .minimums import MinimumPeriod, lacking
from .money import show
from .reading import day
from .settlement import Settlement
from .world import World


def commitment_state(world: World, code: str, settled: Settlement) -> dict[str, Any]:
    commitment, today = world.get("commitments", code), settled.today
    currency = world.currency_of(commitment)
    for minimum, periods in settled.minimums:
        if minimum["code"] == code:
            return {
                "amountSpent": show(sum((p.counted for p in periods), Fraction(0)), currency),
                "amountRemaining": show(lacking(periods, today), currency),
                "periods": [show_period(p, today, currency) for p in periods],
            }
    holder = settled.drawn.holder(f"commitment {code}")
    remaining, rolled, lapsed = split(holder, today)
    cancelled = holder.cancelled is not None and holder.cancelled <= today
    if cancelled:
        status = "CANCELLED"
    elif today >= day(commitment["endDate"]):
        status = "ENDED"
    elif today < day(commitment["startDate"]):
        status = "UPCOMING"
    else:
        status = "ACTIVE" if remaining else "EXHAUSTED"
    state: dict[str, Any] = {
        "amountSpent": show(holder.drawn, currency),
        "amountRemaining": show(remaining, currency),
        "amountRolledOver": show(rolled, currency),
        "amountLapsed": show(lapsed, currency),
        "status": status,
    }
    if apart := unscheduled(commitment):
        state["amountUnscheduled"] = show(apart, currency)
    return state


def split(holder: Holder, today: date) -> tuple[Fraction, Fraction, Fraction]:
    """(remaining, rolled over and still usable, lapsed)"""
    zero = Fraction(0)
    left = holder.total - holder.drawn
    if holder.cancelled is not None and holder.cancelled <= today:
        return zero, zero, left
    if today < holder.end:
        return left, zero, zero
    usable = holder.rolled - holder.drawn_after
    if holder.rollover_end is not None and today < holder.rollover_end:
        return zero, usable, left - usable
    return zero, zero, left


def show_period(period: MinimumPeriod, today: date, currency: str) -> dict[str, Any]:
    return {
        "startDate": period.start.isoformat(),
        "endDate": period.end.isoformat(),
        "amount": show(period.owed, currency),
        "counted": show(period.counted, currency),
        "shortfall": show(period.shortfall, currency),
        "trueUp": show(period.shortfall if period.end <= today else Fraction(0), currency),
    }
