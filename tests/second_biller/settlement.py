"""One account family settled for a day: its charges, draws, credits, minimums."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from .charges import Charge, usage_charges
from .drawing import Drawn, draw_down
from .groups import group_minimum
from .minimum_spend import MinimumSpend, minimum_spends
from .minimums import MinimumPeriod, count, minimum_periods
from .one_off import one_off_charges
from .other_charges import Credit, counter_charges, pricing_credits, standing_charges
from .priced import PricedPeriod, is_credit, priced_periods
from .reading import Thing
from .scheduled_fees import fees
from .world import GROUP, World


class Held(NamedTuple):
    """What names the days of a charge: a standing charge may cover more of them than its plan's minimum spend."""

    account_plan: str
    item: str
    start: date
    of_standing_charge: bool


@dataclass
class Settlement:
    """`ends` says where every charge ends, due or not."""

    root: str
    today: date
    drawn: Drawn
    priced: list[PricedPeriod]
    spends: list[MinimumSpend]
    minimums: list[tuple[Thing, list[MinimumPeriod]]]
    ends: dict[Held, date]


def settle(world: World, root: str, today: date, all_usage: bool) -> Settlement:
    """Charges due by `today` and no others; `all_usage` settles usage that has arrived as well."""
    members = world.family(root)
    until = max([today, *(r.day for r in world.records if r.account in members)])
    cuts = world.cuts(members)
    priced: list[PricedPeriod] = []
    others: list[Charge] = []
    credits: list[Credit] = []
    spends: list[MinimumSpend] = []
    ends: dict[Held, date] = {}
    of_plan: dict[str, tuple[list[PricedPeriod], list[tuple[Thing, MinimumSpend]]]] = {}
    every = [ap for member in members for ap in world.account_plans_of(member)]
    for account_plan in [plan for ap in every for plan in world.attached(ap)]:
        grouped = "plan" in account_plan and str(account_plan["plan"]).startswith(GROUP)
        mine = [] if grouped else priced_periods(world, account_plan, until)
        priced += [p for p in mine if not is_credit(p.pricing)]
        for p in mine:
            if is_credit(p.pricing) and (all_usage or p.period.end <= today):
                credits += pricing_credits(world, p)
        charges, given_back = ([], []) if grouped else counter_charges(world, account_plan, until)
        charges += standing_charges(world, account_plan, until)
        others += charges
        credits += [c for c in given_back if c.due <= today]
        theirs, nested = of_plan.setdefault(str(account_plan["code"]).partition("/")[0], ([], []))
        if grouped:
            minimums_of_plan = group_minimum(world, account_plan, theirs, nested, until)
        else:
            minimums_of_plan = minimum_spends(world, account_plan, mine, until)
            theirs += mine
            nested += [(account_plan, spend) for spend in minimums_of_plan]
        spends += [s for s in minimums_of_plan if s.stand_at(today)]
        ends |= ends_of(account_plan, mine, charges + [s.charge for s in minimums_of_plan])
    others += [*one_off_charges(world, members), *fees(world, members)]
    others = [c for c in others if c.due <= today] + [s.charge for s in spends]
    usage = [c for p in priced if all_usage or p.period.end <= today for c in usage_charges(world, p, cuts)]
    drawn = draw_down(world, root, usage + others, credits)
    minimums = []
    for commitment in world.commitments_of(members, "MINIMUM"):
        made = minimum_periods(world, commitment)
        count(world, commitment, made, priced, others)
        minimums.append((commitment, made))
    return Settlement(root, today, drawn, priced, spends, minimums, ends)


def ends_of(account_plan: Thing, priced: list[PricedPeriod], others: list[Charge]) -> dict[Held, date]:
    code = str(account_plan["code"])
    found = {Held(code, str(p.pricing["code"]), p.start, False): p.end for p in priced}
    return found | {Held(code, c.item, c.start, c.type == "STANDING_CHARGE"): c.end for c in others}
