"""The rows of a family that lives: any facts and usage, cut into any writes, ahead or whole, give what settling it from
scratch gives (decision 17)."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.family import resources
from projections.aggregates import DayState
from projections.alerts.rules import Rules, rules_of
from projections.rating.index import FamilyIndex, index_families
from projections.readmodels import accrued_lines, balances, draws, outlooks
from projections.readmodels.directory import Member
from projections.readmodels.draws import DrawRow
from projections.readmodels.positions import Position
from projections.readmodels.settled_rows import BehindRows, SettledRows, Written, settled_rows
from projections.resources import Resources
from projections.settlement import Billed, settle, unbilled_of
from projections.usage import Cell
from services.projection.settled_tables import write_behind
from services.projection.settling import Settler
from services.projection.unwritten import PartitionState, new_partition
from services.readside.family_state import FamilyState
from services.readside.resting import RestingFamilies
from services.simulate.naming import id_of
from tests.settlement.bundles import PLANS, bundles
from tests.settlement.happenings import BundlePlayer, happenings
from tests.settlement.playing import OWN, accounts_of, apart_of
from tests.settlement.stories import DAYS, START, Random, days
from tests.settlement.test_by_change import usual, writes

ROOT = id_of("account", "acme")
many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Tables:
    """Postgres, as far as `Settler.flush` asks it."""

    def __init__(self) -> None:
        self.balances: dict[str, tuple[Any, ...]] = {}
        self.numbered: dict[Any, dict[int, tuple[Any, ...]]] = {draws: {}, accrued_lines: {}, outlooks: {}}
        #: How many rows were written.
        self.written = 0

    async def execute(self, statement: str, *arguments: Any) -> None:
        if statement == balances.DROP_OTHERS:
            self.balances = {id: row for id, row in self.balances.items() if id in arguments[1]}
        elif statement == balances.UPSERT:
            self._put(self.balances, arguments, 0)
        for table, held in self.numbered.items():
            if statement == table.DROP_EXCESS:
                self.numbered[table] = {number: row for number, row in held.items() if number <= arguments[1][0]}
            elif statement == table.UPSERT:
                self._put(held, arguments, 1)

    def _put(self, held: dict[Any, tuple[Any, ...]], arguments: Any, key: int) -> None:
        for row in zip(*arguments, strict=True):
            held[row[key]] = row
            self.written += 1

    def rows(self) -> SettledRows:
        behind = (tuple(held[number] for number in sorted(held)) for held in self.numbered.values())
        return SettledRows(tuple(sorted(self.balances.values())), *behind)  # type: ignore[arg-type]


class Living:
    """The family of `acme` as the projector holds it, beside the player that makes its facts and usage."""

    def __init__(self, family: Random) -> None:
        self.player = BundlePlayer(family)
        every = self.player.resources
        nothing: dict[str, Any] = {name: {} for name in OWN}
        self._catalog = Resources(every.organization, config=every.config)
        for name in (one for one in Resources.__slots__ if one not in ("organization", "config", "clock", *OWN)):
            setattr(self._catalog, name, getattr(every, name))
        own = Resources(every.organization, **{name: getattr(every, name) for name in nothing})
        zone = every.accounts[ROOT].timezone
        members = {account: Member(zone, billable=True) for account in every.accounts}
        billed = self.player.family(ROOT).billed
        self.family = FamilyState(every.organization, ROOT, 0, own, billed, members)
        self.versions: dict[str, int] = {}
        self._index = FamilyIndex()
        self.settler, self.tables = Settler(self), Tables()
        self.changed()

    def resources(self, organization: str) -> Resources:
        return self._catalog

    def index(self, organization: str) -> FamilyIndex:
        return self._index

    def rules(self, organization: str) -> Rules:
        return rules_of(())

    def changed(self) -> None:
        """A fact that is no bill came."""
        organization = self._catalog.organization
        self.versions[organization] = self.versions.get(organization, 0) + 1
        self._index = index_families(self._catalog)

    def used(self) -> None:
        """Usage came: the totals that it changed."""
        for key, held in self.player.used.totals.items():
            for day, state in held.items():
                if self.family.totals.get(key, {}).get(day) != state:
                    self.family.put_total((*key, day), state, (0, 0))

    async def write(self, day: date, *, whole: bool) -> None:
        """Balances; with `whole` draws and lines, too."""
        state = self.partition(day)
        assert self.settler.settle(self.family, state)
        assert not whole or self.settler.write_behind(self.family, state, outlooks=True)
        await self.settler.flush(self.tables)

    def rest(self) -> None:
        """It is put to rest, as if there were too many, and touched again: it is what it was, and settles anew."""
        resting, before = RestingFamilies(10**6), self.family
        assert resting.put(before) == []
        woken = resting.take(ROOT)
        assert woken is not None and resting.take(ROOT) is None
        made_again = {"terms", "kept", "moved", "used"}
        for name in FamilyState.__slots__:
            assert name in made_again or getattr(woken, name) == getattr(before, name), name
        # The player goes on with its own.
        woken.own, woken.billed, self.family = before.own, before.billed, woken

    def partition(self, day: date) -> PartitionState:
        return new_partition(Position(0, tick=datetime.combine(day, time(12), UTC)), {})

    def from_scratch(self, day: date) -> SettledRows:
        held = apart_of(self.player)
        through = held.billed.through(self.family.today(self._catalog, self.partition(day).position.tick))
        settlement = settle(held, through=through, accrued=True)
        return settled_rows(settlement, unbilled_of(settlement), self.family.own, ROOT, through)


@many
@given(st.data(), bundles(), st.booleans())
async def test_any_facts_and_usage_in_any_writes_give_the_rows_of_settling_from_scratch(
    data: st.DataObject, family: Random, is_usual: bool
) -> None:
    family = usual(family) if is_usual else family
    living, accounts = Living(family), accounts_of(family)
    for plan in data.draw(st.permutations(PLANS))[:2]:
        living.player.happen(("link", ("bundle", plan)))
    living.changed()
    day = data.draw(days(0, DAYS // 2))
    used = writes(accounts).map(lambda listed: [("use", (records,)) for records in listed])
    one = happenings(accounts).map(lambda step: [step])
    for step in (step for steps in data.draw(st.lists(used | one, min_size=3, max_size=6)) for step in steps):
        happened = living.player.happen(step)
        if step[0] == "use":
            living.used()
        elif step[0] != "bill":
            living.changed()  # of what was refused a part may have happened: one plan ended, and no other begun
        if not happened:
            continue
        day += timedelta(days=data.draw(st.sampled_from([0, 0, 0, 8])))
        whole = data.draw(st.booleans())
        if data.draw(st.booleans()):
            living.rest()
        await living.write(day, whole=whole)
        assert not living.family.moved
        expected = living.from_scratch(day)
        assert living.tables.rows().balances == expected.balances
        assert not whole or living.tables.rows() == expected
    await living.write(day, whole=True)
    assert living.tables.rows() == living.from_scratch(day)
    written = living.tables.written
    await living.write(day, whole=True)
    living.rest()
    await living.write(day, whole=True)
    assert living.tables.written == written  # nothing moved: nothing is written


async def test_rows_that_are_gone_are_taken_out_and_others_are_not_written_again() -> None:
    family = FamilyState("org", ROOT, 0, Resources("org"), Billed(), {ROOT: Member("UTC", billable=True)})
    rows = [DrawRow(ROOT, number, "org", "prepaid", ROOT, "{}", START, Decimal(number), 1) for number in (1, 2, 3)]
    tables, before = Tables(), BehindRows(tuple(rows), ())
    await write_behind(tables, [(family, before)])
    family.note_written(Written(behind=before))
    await write_behind(tables, [(family, BehindRows((rows[0],), ()))])
    assert tables.rows().draws == (rows[0],) and tables.written == 3


def test_the_newest_day_of_usage_is_known_in_whatever_order_days_come_and_go() -> None:
    family = FamilyState("org", "acme", 0, Resources("org"), Billed())
    state = DayState(Decimal(1), 1)
    assert family.evidence(None).usage is None
    for aggregation, day in (("a", 3), ("b", 9), ("a", 5)):
        family.put_total(("acme", aggregation, "", date(2026, 1, day)), state, (0, 0))
    assert family.evidence(None).usage == date(2026, 1, 9)
    family.drop_totals({"b"})
    assert family.evidence(None).usage == date(2026, 1, 5)
    family.drop_totals({"a"})
    assert family.evidence(None).usage is None


def test_of_a_total_that_is_written_its_row_remembers_where_it_began() -> None:
    catalog = resources(1, 1, 1)
    [aggregation] = catalog.aggregations
    family, key = FamilyState("org", "acme", 0, Resources("org"), Billed()), ("acme", aggregation, "", date(2026, 1, 3))

    def add(offset: int) -> None:
        family.add_to_total(key, Cell(1, None, offset), catalog)

    add(4)
    add(6)
    assert family.take_offsets(key) == (4, 6) and family.offsets == {}
    add(9)
    assert family.take_offsets(key)[1] == 9
    assert family.totals[key[:3]][key[3]] == DayState(Decimal(3), 3) and family.total_count == 1
