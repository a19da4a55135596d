"""`python -m benchmarks.ruled`: what rules cost where families are settled, as usage trickles in. Pure, no servers.

As `benchmarks.living` with a usual family, in turns: without rules; with 10,000 alert rules at thresholds that balances
pass one after the other; and with as many automatic rules, of which each family is looked at by two. What is found is
not written: what a write costs is `benchmarks.freshness --alerts`.
"""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.table import Table

from benchmarks.family import ACCOUNT
from benchmarks.living import NO_RULES, SIZES, Living, living, rate
from benchmarks.showing import show
from events.resources.automation import AutomaticTopUp, ThresholdBilling
from events.resources.notifications import LEFT, USED, NotificationConfiguration
from projections.alerts.rules import Rules, rules_of
from projections.entities import Entity
from projections.resources import Resources

_MADE = datetime(2026, 1, 1, tzinfo=UTC)


def _entity(number: int, body: Any) -> Entity[Any]:
    return Entity(f"rule-{number}", 1, body, number, number, _MADE, _MADE)


def alert_rules(count: int) -> Rules:
    """Half of them per cent that are used, half money that is left."""
    return rules_of(_entity(number, _alert(number, count)) for number in range(count))


def _alert(number: int, count: int) -> NotificationConfiguration:
    name, most = (USED, 100) if number % 2 else (LEFT, 100_000)
    said = {"name": "n", "code": f"r-{number}", "description": "d", "event_name": name}
    return NotificationConfiguration.model_validate(said | {"threshold": Decimal(most * (number + 1)) / count})


def automatic_rules(count: int, resources: Resources) -> Rules:
    """One top-up and one threshold of bills of the account that every family is; the rest are other accounts'."""
    [fund, *_] = resources.commitments.values()
    said = {"name": "n", "currency": fund.body.currency, "threshold": 10**9}
    low = said | {"threshold": 1, "amount": 10, "max_times": 1, "commitment_id": fund.id}
    top_ups = [_entity(0, AutomaticTopUp.model_validate(low | {"code": "r-0", "account_id": fund.body.account_id}))]
    billings = [_entity(1, ThresholdBilling.model_validate(said | {"code": "r-1", "account_id": ACCOUNT}))]
    for number in range(2, count):
        whose = f"{number:08}-0000-4000-8000-000000000000"
        of = {"code": f"r-{number}", "account_id": whose}
        if number % 2:
            billings.append(_entity(number, ThresholdBilling.model_validate(said | of)))
        else:
            top_ups.append(_entity(number, AutomaticTopUp.model_validate(low | of | {"commitment_id": whose})))
    return rules_of((), top_ups, billings)


async def raise_all(living_families: Living) -> None:
    """What holds from the beginning was raised long ago: it is not what usage that trickles in costs."""
    await living_families.round(0, whole=True)
    # They are alike, and have one id: what is written of one of them is written of all.
    raised = {alert.id for family in living_families.families for due in family.alerts.shown.values() for alert in due}
    for family in living_families.families:
        for id in raised:
            family.alerts.note_raised(id)


async def rates(families: int, rounds: int, count: int, turns: int) -> dict[str, dict[str, float]]:
    """The median rate of all turns by what rules there are: ahead (every write) and whole (with what follows)."""
    measured: dict[str, dict[str, list[float]]] = {}
    catalog = living(1, *SIZES["usual"]).catalog
    kinds = {
        "without": NO_RULES,
        "alert rules": alert_rules(count),
        "automatic rules": automatic_rules(count, catalog),
    }
    for _ in range(turns):
        for name, rules in kinds.items():
            living_families = living(families, *SIZES["usual"], rules)
            of_kind = measured.setdefault(name, {"ahead": [], "whole": []})
            await raise_all(living_families)
            of_kind["ahead"].append(await rate(living_families, rounds, whole=False))
            of_kind["whole"].append(await rate(living_families, max(1, rounds // 4), whole=True))
    return {name: {part: median(every) for part, every in parts.items()} for name, parts in measured.items()}


@click.command()
@click.option("--families", default=500, show_default=True, help="Families, each of the usual size.")
@click.option("--rounds", default=12, show_default=True, help="Writes in each of which every family is settled once.")
@click.option("--rules", default=10_000, show_default=True, help="Rules of each kind.")
@click.option("--turns", default=3, show_default=True, help="How often each is measured; the median counts.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(families: int, rounds: int, rules: int, turns: int, file: Path | None) -> None:
    """Measure families settled per second with and without rules; the last line of the output is JSON."""
    measured = asyncio.run(rates(families, rounds, rules, turns))
    shown = Table(title=f"families settled per second and core, {rules:,} rules of a kind, median of {turns} turns")
    for column in ("rules", "ahead", "whole", "µs more a family"):
        shown.add_column(column, justify="left" if column == "rules" else "right")
    more = {
        name: round(1e6 / parts["ahead"] - 1e6 / measured["without"]["ahead"], 1) for name, parts in measured.items()
    }
    for name, parts in measured.items():
        shown.add_row(name, f"{parts['ahead']:,.0f}", f"{parts['whole']:,.0f}", f"{more[name]:,.1f}")
    show((shown,), {"families_per_second": measured, "more_us": more}, file)


if __name__ == "__main__":
    main()
