"""What is refused, with a message that names it."""

from datetime import date
from fractions import Fraction

from .lines import Lines
from .money import is_whole
from .reading import Thing, absent, day, flag, money_or_zero, num
from .settlement import settle
from .world import World

FEE_FIELDS = ("amountPrePaid", "amountFirstBill", "feeDates", "billingInterval", "billingOffset",
              "commitmentFeeBillInAdvance", "overageSurchargePercent", "separateOverageUsage")  # fmt: skip


class Refused(Exception):
    """A step the rules do not allow."""


def is_minimum(commitment: Thing) -> bool:
    return commitment.get("commitmentType") == "MINIMUM"


def check_commitment(world: World, commitment: Thing) -> None:
    code, currency = str(commitment["code"]), world.currency_of(commitment)
    if code in world.cancels:
        raise Refused(f"commitment {code} is cancelled")
    for name in ("amount", "amountPrePaid", "amountFirstBill", "rolloverAmount"):
        if not is_whole(money_or_zero(commitment.get(name)), currency):
            raise Refused(f"{name} is finer than the minor unit of {currency}")
    if is_minimum(commitment):
        for name in FEE_FIELDS:
            if not absent(commitment.get(name)):
                raise Refused(f"{name} is not for a MINIMUM commitment")
        return
    owed = num(commitment["amount"]) - money_or_zero(commitment.get("amountPrePaid"))
    if owed < 0:
        raise Refused("amountPrePaid is above amount")
    if money_or_zero(commitment.get("amountFirstBill")) > owed and not commitment.get("feeDates"):
        raise Refused("amountFirstBill is above what is outstanding")
    if money_or_zero(commitment.get("overageSurchargePercent")) and flag(commitment.get("separateOverageUsage")):
        raise Refused("overageSurchargePercent and separateOverageUsage exclude each other")


def check_dated(world: World, body: Thing) -> Thing:
    commitment = world.get("commitments", body["commitment"])
    code, at = str(commitment["code"]), day(body["date"])
    if code in world.cancels:
        raise Refused(f"commitment {code} is cancelled")
    if not day(commitment["startDate"]) <= at < day(commitment["endDate"]):
        raise Refused(f"date {at} is outside the term of {code}")
    return commitment


def check_top_up(world: World, body: Thing) -> None:
    commitment = check_dated(world, body)
    if not is_minimum(commitment) and flag(body.get("recurring")):
        raise Refused("recurring top-ups are for MINIMUM commitments only")
    if not is_whole(num(body["amount"]), world.currency_of(commitment)):
        raise Refused("amount is finer than the minor unit")


def check_cancel(world: World, body: Thing) -> None:
    commitment = check_dated(world, body)
    allowed = {"TRUE_UP", "PRORATE", "WAIVE"} if is_minimum(commitment) else {"ACCELERATE", "KEEP", "WAIVE"}
    if not absent(body.get("policy")) and body["policy"] not in allowed:
        raise Refused(f"policy {body['policy']} is not one of {', '.join(sorted(allowed))}")


def check_transaction(world: World, body: Thing) -> None:
    balance, at, amount = world.get("balances", body["balance"]), day(body["date"]), num(body["amount"])
    told = [*world.transactions[str(balance["code"])], body]
    for since in [one for one in sorted(day(t["date"]) for t in told) if amount < 0 and one >= at]:
        if sum((num(t["amount"]) for t in told if day(t["date"]) <= since), Fraction(0)) < 0:
            raise Refused(f"amount {amount} must not take out more than is paid in")


def check_delete(world: World, name: str, code: str, body: Thing, billed: Lines, clock: date | None) -> None:
    if name != "commitment" or flag(body.get("force")):
        return
    root = world.root_of(str(world.get("commitments", code)["account"]))
    settled = settle(world, root, clock or date(1, 1, 2), True)
    holder = settled.drawn.holders.get(f"commitment {code}")
    if holder is not None and holder.drawn:
        raise Refused(f"commitment {code} has drawn")
    if any(line.extra.get("commitment") == code for line in billed.values()):
        raise Refused(f"commitment {code} has billed")
