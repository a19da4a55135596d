"""`python -m benchmarks.living`: how many families a core settles per second as usage trickles in. Pure, no servers.

Each settlement is what the projector does for one family in a write: what usage added merged into a total, the family
settled by what moved, and its rows compared with the last written ones. *Ahead* is what every write costs, its
balances; *whole* has its draws, accrued lines and outlooks, too.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.family import ACCOUNT, FIRST, end_of, resources, totals
from benchmarks.showing import show
from projections.alerts.rules import Rules
from projections.calendar import ONE_DAY
from projections.rating.index import FamilyIndex, index_families
from projections.readmodels.directory import Member
from projections.readmodels.positions import Position
from projections.resources import Resources
from projections.settlement import Billed
from projections.usage import Cell, CellKey
from services.projection.settling import Settler
from services.projection.unwritten import PartitionState, new_partition
from services.readside.family_state import FamilyState

#: Months, charges, prepayments.
SIZES = {"usual": (1, 1, 1), "large": (12, 20, 10)}


class OneCatalog:
    """The catalog of one organization, which does not change."""

    def __init__(self, resources: Resources, rules: Rules) -> None:
        self._held, self._index, self._rules = resources, index_families(resources), rules
        self.versions: dict[str, int] = {}

    def resources(self, organization: str) -> Resources:
        return self._held

    def index(self, organization: str) -> FamilyIndex:
        return self._index

    def rules(self, organization: str) -> Rules:
        return self._rules


class Unwritten:
    """A connection that takes rows and writes them nowhere."""

    async def execute(self, statement: str, *arguments: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Living:
    """Families of one size, and how to settle them."""

    families: list[FamilyState]
    #: Of all families alike: the cells of the last day, one of each total.
    cells: tuple[CellKey, ...]
    settler: Settler
    state: PartitionState
    catalog: Resources

    async def round(self, number: int, *, whole: bool) -> None:
        """One write: each family had usage of one charge of its last day."""
        cell = self.cells[number % len(self.cells)]
        for family in self.families:
            family.add_to_total(cell, Cell(7, None, number), self.catalog)
            settled = self.settler.settle(family, self.state)
            assert settled and (not whole or self.settler.write_behind(family, self.state, outlooks=False))
        await self.settler.flush(Unwritten())


#: An organization without any.
NO_RULES = Rules()


def living(count: int, months: int, charges: int, commitments: int, rules: Rules = NO_RULES) -> Living:
    """So many families; each has its own totals and shares its terms' catalog, and the rules."""
    every = resources(months, charges, commitments)
    own = Resources("benchmark", accounts=every.accounts, account_plans=every.account_plans)
    for entity in every.commitments.values():
        # Money is left in them, so what is settled moves balances.
        amount = 1_000 * entity.body.amount
        body = entity.body.model_copy(update={"amount": amount, "amount_pre_paid": amount})
        every.commitments[entity.id] = own.commitments[entity.id] = replace(entity, body=body)
    families = []
    for _ in range(count):
        family = FamilyState("benchmark", ACCOUNT, 0, own, Billed(), {ACCOUNT: Member("UTC", billable=True)})
        for key, days in totals(months, charges).items():
            for day, total in days.items():
                family.put_total((*key, day), total, (0, 0))
        families.append(family)
    today = datetime.combine(end_of(months) - ONE_DAY, datetime.min.time(), UTC) + timedelta(hours=12)
    cells = tuple((*key, max(days)) for key, days in families[0].totals.items())
    settler, state = Settler(OneCatalog(every, rules)), new_partition(Position(0, tick=today), {})
    return Living(families, cells, settler, state, every)


async def rate(living_families: Living, rounds: int, *, whole: bool) -> float:
    """Families settled per second of CPU."""
    await living_families.round(0, whole=True)
    started = time.process_time()
    for number in range(1, rounds + 1):
        await living_families.round(number, whole=whole)
    return rounds * len(living_families.families) / (time.process_time() - started)


async def rates(families: int, rounds: int) -> dict[str, dict[str, float]]:
    """Families per second by size, ahead and whole."""
    measured = {}
    for name, size in SIZES.items():
        living_families = living(max(1, families // (1 if name == "usual" else 20)), *size)
        measured[name] = {
            "ahead": await rate(living_families, rounds, whole=False),
            "whole": await rate(living_families, max(1, rounds // 4), whole=True),
        }
    return measured


@click.command()
@click.option("--families", default=1_000, show_default=True, help="Families; of the large size a twentieth of them.")
@click.option("--rounds", default=20, show_default=True, help="Writes in each of which every family is settled once.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(families: int, rounds: int, file: Path | None) -> None:
    """Measure families settled per second; the last line of the output is JSON."""
    measured = asyncio.run(rates(families, rounds))
    shown = Table(title=f"families settled per second and core, from {FIRST}")
    for column in ("family", "months", "charges", "prepayments", "ahead", "whole"):
        shown.add_column(column, justify="left" if column == "family" else "right")
    for name, size in SIZES.items():
        shown.add_row(name, *map(str, size), *(f"{measured[name][way]:,.0f}" for way in ("ahead", "whole")))
    show((shown,), {"families_per_second": measured}, file)


if __name__ == "__main__":
    main()
