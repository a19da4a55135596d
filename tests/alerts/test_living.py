"""What is to be raised of a family that lives: any facts and usage, cut into any writes, with alerts raised and the
family put to rest or loaded anew in between, give what the rules find from scratch; and nothing is raised twice."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.facts.alerts import AlertRaised
from events.resources.notifications import LEVELS
from projections.alerts.due import FamilyAlerts, Speed
from projections.alerts.levels import Level, expected_levels, settled_levels
from projections.alerts.rules import Rules, rules_of
from projections.outlook.outlook import outlooks, used_before
from projections.readmodels import alerts_due
from projections.readmodels.settled_rows import NOTHING_WRITTEN
from projections.settlement import settle
from tests.alerts.test_due import rule
from tests.projector.test_living import ROOT, Living, Tables
from tests.readmodels.given import told
from tests.settlement.bundles import PLANS, bundles
from tests.settlement.happenings import happenings
from tests.settlement.playing import accounts_of, apart_of
from tests.settlement.stories import DAYS, Random, days
from tests.settlement.test_by_change import usual, writes

few = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
#: By name, thresholds of rules; one holds of whatever is in its term.
OF_KIND: dict[str | None, tuple[int | None, ...]]
OF_KIND = {"percent": (50, 80), "amount": (5, 30, 10**9), "days": (40, 400), None: (None,)}
THRESHOLDS = {name: OF_KIND[kind] for name, kind in LEVELS.items()}
RULES = rules_of(
    rule(name, threshold, f"{name}-{threshold}") for name, thresholds in THRESHOLDS.items() for threshold in thresholds
)


class AlertTables(Tables):
    """Table `alerts_due`, too: by id the rows, each with its speed."""

    def __init__(self) -> None:
        super().__init__()
        self.due: dict[str, tuple[Any, ...]] = {}

    async def execute(self, statement: str, *arguments: Any) -> None:
        if statement == alerts_due.DROP_OTHERS:
            _, speeds, remaining = arguments
            self.due = {id: row for id, row in self.due.items() if row[-1] not in speeds or id in remaining}
        elif statement == alerts_due.UPSERT:
            self.due |= {row[0]: row for row in zip(*arguments, strict=True)}
        elif statement != alerts_due.NOTIFY:
            await super().execute(statement, *arguments)

    def at(self, speed: Speed) -> set[str]:
        return {id for id, row in self.due.items() if row[-1] == speed.value}


class Told(Living):
    """The family, whose organization has rules."""

    def __init__(self, family: Random) -> None:
        super().__init__(family)
        self.tables: AlertTables = AlertTables()
        self.raised: list[str] = []

    def rules(self, organization: str) -> Rules:
        return RULES

    def raise_due(self, speed: Speed) -> None:
        """What is due becomes a fact, and comes by in the log."""
        for id in sorted(self.tables.at(speed)):
            self.raised.append(id)
            row = alerts_due.AlertDueRow(*self.tables.due[id])
            about = {"subjectKind": "PREPAYMENT", "asOf": "2026-01-01", "currency": "USD"}
            money = dict.fromkeys(("amount", "spent", "remaining"), 0)
            which = {"id": id, "ruleId": row.rule_id, "ruleCode": "r", "eventName": row.event_name}
            whose = {"subjectId": row.subject_id, "arming": row.arming, "accountId": ROOT, "rootId": ROOT}
            fields: dict[str, Any] = {**which, **whose, **about, **money}
            self.family.evolve(told(AlertRaised, account=ROOT, **fields))

    def load_anew(self) -> None:
        """Nothing is remembered but what the log says."""
        self.family.keep(None)
        self.family.note_written(NOTHING_WRITTEN)
        self.family.alerts = FamilyAlerts(set(self.raised))

    def expected(self, day: Any) -> dict[Speed, set[str]]:
        """From scratch."""
        held = apart_of(self.player)
        through = held.billed.through(self.family.today(self._catalog, self.partition(day).position.tick))
        settlement = settle(held, through=through, accrued=True)
        own = self.family.own
        found: dict[Speed, list[Level]] = {
            Speed.BALANCES: list(settled_levels(settlement, own)),
            Speed.OUTLOOKS: list(expected_levels(outlooks(settlement, used_before(settlement)), settlement, own)),
        }
        return {
            speed: {one.id for one in FamilyAlerts(set(self.raised)).find(RULES, levels, speed)}
            for speed, levels in found.items()
        }


@few
@given(st.data(), bundles(), st.booleans())
async def test_what_is_to_be_raised_is_what_the_rules_find_from_scratch(
    data: st.DataObject, family: Random, is_usual: bool
) -> None:
    family = usual(family) if is_usual else family
    living, accounts = Told(family), accounts_of(family)
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
            living.changed()
        if not happened:
            continue
        day += timedelta(days=data.draw(st.sampled_from([0, 0, 0, 8])))
        between = data.draw(st.sampled_from(["nothing", "rest", "load"]))
        if between == "rest":
            living.rest()
        elif between == "load":
            living.load_anew()
        whole = data.draw(st.booleans())
        await living.write(day, whole=whole)
        expected = living.expected(day)
        assert living.tables.at(Speed.BALANCES) == expected[Speed.BALANCES]
        assert not whole or living.tables.at(Speed.OUTLOOKS) == expected[Speed.OUTLOOKS]
        if data.draw(st.booleans()):
            living.raise_due(Speed.BALANCES)
    await living.write(day, whole=True)
    for speed in Speed:
        living.raise_due(speed)
    if data.draw(st.booleans()):
        living.load_anew()  # what was raised is still in the table
    await living.write(day, whole=True)
    assert not living.tables.due
    assert len(living.raised) == len(set(living.raised))
