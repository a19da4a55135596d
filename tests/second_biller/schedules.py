"""Schedules of balances: every day on which each gives something, named one by one, and whose terms hold on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from .grid import FAR, Grid
from .reading import Thing, absent, day, num, whole

if TYPE_CHECKING:
    from .world import World

TOP_UPS, FEES = "balanceTransactionSchedules", "balanceChargeSchedules"
TERM = {TOP_UPS: ("startDate", "endDate"), FEES: ("servicePeriodStartDate", "servicePeriodEndDate")}


@dataclass
class Told:
    """All terms of a schedule in the order of the commands, each with the day from which it holds."""

    kind: str
    code: str
    terms: list[tuple[date, Thing]]
    end: date = FAR

    def holds(self, thing: Thing, at: date) -> bool:
        return at < self.end and [terms for since, terms in self.terms if since <= at][-1] is thing


def told_of(world: World, kind: str, balance: str) -> list[Told]:
    return [
        schedule for schedule in world.schedules if schedule.kind == kind and schedule.terms[0][1]["balance"] == balance
    ]


def changed(world: World, kind: str, code: str, since: date, thing: Thing | None, force: bool = False) -> list[Told]:
    """The world's schedules with this one changed or, without a thing, ended."""
    schedules = []
    for schedule in world.schedules:
        if (schedule.kind, schedule.code, schedule.end) != (kind, code, FAR):
            schedules.append(schedule)
        elif thing is not None:
            schedules.append(Told(kind, code, [*schedule.terms, (since, thing)]))
        elif not force:
            schedules.append(Told(kind, code, schedule.terms, since))
    return schedules


def term_of(world: World, kind: str, thing: Thing) -> tuple[date, date]:
    """Its days as far as they are the balance's."""
    balance = world.get("balances", thing["balance"])
    account = str(balance["account"])
    first, last = (world.day_of(account, thing[name]) for name in TERM[kind])
    start, end = (world.day_of(account, balance[name]) for name in ("startDate", "endDate"))
    return max(first, start), min(last, end)


def top_ups(world: World, balance: Thing) -> Iterator[tuple[date, Fraction]]:
    for told in told_of(world, TOP_UPS, str(balance["code"])):
        for _, thing in told.terms:
            start, end = term_of(world, TOP_UPS, thing)
            epoch = world.day_of(str(balance["account"]), thing["startDate"])
            grid = Grid(str(thing.get("frequency") or "MONTHLY"), whole(thing.get("frequencyInterval"), 1), epoch)
            number = 0
            while (at := grid.boundary(number)) < end:
                if at >= start and told.holds(thing, at):
                    yield at, num(thing["amount"])
                number += 1


def wrong(world: World, kind: str, thing: Thing) -> str | None:
    """Why a balance has no place for it."""
    balance = world.get("balances", thing["balance"])
    account = str(balance["account"])
    first, last = (world.day_of(account, thing[name]) for name in TERM[kind])
    start, end = (world.day_of(account, balance[name]) for name in ("startDate", "endDate"))
    if first < start:
        return f"{TERM[kind][0]}: must not be before the balance's startDate, {start}"
    if last > end:
        return f"{TERM[kind][1]}: must not be after the balance's endDate, {end}"
    if kind == FEES and world.currency_of(thing) != world.currency_of(balance):
        return f"currency: must be the balance's, {world.currency_of(balance)}"
    return None


def lacking(world: World, balance: Thing) -> Fraction:
    """How much of what was taken out is not paid in, at the worst."""
    account = str(balance["account"])
    told = [(world.day_of(account, t["date"]), num(t["amount"])) for t in world.transactions[str(balance["code"])]]
    told += top_ups(world, balance)
    there = (sum((paid for moment, paid in told if moment <= at), Fraction(0)) for at, _ in told)
    return max((-paid for paid in there), default=Fraction(0))


def day_after(clock: date, body: Thing) -> date:
    return clock + timedelta(days=1) if absent(body.get("effectiveDate")) else day(body["effectiveDate"])
