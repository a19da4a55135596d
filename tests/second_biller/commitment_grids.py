"""The grids of a commitment's own periods: of its fees as the catalog is, of a minimum as it was when it was made."""

from datetime import date

from .grid import Grid
from .reading import Thing, absent, day
from .readings import A_CHILD_WITHOUT_PLANS_HAS_ITS_PARENTS, ATTACHED_IS_IN_THE_TERM
from .world import World

FIXES = ("billingPlan", "billEpoch", "startDate")


def fee_grid(world: World, commitment: Thing) -> Grid:
    """The bills of the billing plan."""
    return grid_of_plan(world, commitment, attached_to_billing_plan(world, commitment)[:1])


def fixed_grid(world: World, commitment: Thing) -> Grid | None:
    """The grid of commitment periods, by the account plans that there are now; None if there are several."""
    if not absent(commitment.get("billingPlan")):
        return fee_grid(world, commitment)
    account = str(commitment["account"])
    attached = in_term(world, commitment, account)
    if A_CHILD_WITHOUT_PLANS_HAS_ITS_PARENTS:
        attached = attached or in_term(world, commitment, world.root_of(account))
    if not attached:
        return Grid("MONTHLY", 1, day(commitment.get("billEpoch") or commitment["startDate"]))
    return grid_of_plan(world, commitment, attached) if len(attached) == 1 else None


def in_term(world: World, commitment: Thing, account: str) -> list[Thing]:
    term = day(commitment["startDate"]), day(commitment["endDate"])
    every = world.account_plans_of(account)
    return [ap for ap in every if overlap(world.term_of(ap), term)] if ATTACHED_IS_IN_THE_TERM else every


def fixed_anew(before: Thing, after: Thing) -> bool:
    return any((before.get(name) or None) != (after.get(name) or None) for name in FIXES)


def attached_to_billing_plan(world: World, commitment: Thing) -> list[Thing]:
    """The account plans of the billing plan in the term: the account's own before its parent's."""
    account, term = str(commitment["account"]), (day(commitment["startDate"]), day(commitment["endDate"]))
    own = world.account_plans_of(account)
    found = own + [ap for ap in world.account_plans_of(world.root_of(account)) if ap not in own]
    mine = [ap for ap in found if commitment["billingPlan"] in [plan["plan"] for plan in world.attached(ap)]]
    return [ap for ap in mine if overlap(world.term_of(ap), term)]


def overlap(one: tuple[date, date], other: tuple[date, date]) -> bool:
    """Whether a day lies in both; in an empty term lies none."""
    return max(one[0], other[0]) < min(one[1], other[1])


def grid_of_plan(world: World, commitment: Thing, riding: list[Thing]) -> Grid:
    """The plan's frequency; the epoch of the commitment, else of its account plan, its account, the organization."""
    code = commitment.get("billingPlan")
    if absent(code):
        plans = world.attached(riding[0])
        if not plans:
            return Grid("MONTHLY", 1, day(commitment.get("billEpoch") or commitment["startDate"]))
        code = plans[0]["plan"]
    plan = world.get("plans", code)
    frequency, interval = world.frequency_of(plan)
    account = world.get("accounts", commitment["account"])
    return Grid(frequency, interval, world.epoch(frequency, commitment, *riding, account))
