"""What holds for corrections of single events (rules 3.27): decided over the event and what became of it before."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from events.envelope import Envelope, seal
from events.facts.corrections import UsageCorrection, UsageFields
from events.facts.usage import UsageRated
from events.resources.catalog import Meter
from services.commands.correction_rules import LoggedUsage, amend, fields_of, latest, stands_of, void
from services.commands.refused import InvalidField, UsageIsVoided

NOW = datetime(2026, 2, 1, tzinfo=UTC)
RATED = UsageRated(
    usage_id="u", usage_source="/s", meter_id="m", ts=NOW, measure={"n": Decimal("1.50")}, who={"user": "x"},
    catalog_offset=0, digest="0" * 32,
)  # fmt: skip
USAGE = LoggedUsage("o", "a", 1, 7, UUID(int=5), RATED)
METER = Meter.model_validate(
    {"code": "m", "name": "M", "dataFields": [
        {"code": "n", "category": "MEASURE"}, {"code": "paid", "category": "COST"}, {"code": "user", "category": "WHO"},
    ]}
)  # fmt: skip
TWO = UsageFields(measure={"n": Decimal(2)})


def after(*facts: UsageCorrection | None) -> list[Envelope]:
    return [
        seal(fact, source="commands/g", sequence=number, organization="o", account="a", time=NOW)
        for number, fact in enumerate(facts)
        if fact is not None
    ]


def test_what_stands_is_what_came_until_it_is_corrected() -> None:
    as_it_came = UsageFields(measure={"n": Decimal("1.50")}, who={"user": "x"})
    assert stands_of(USAGE, []) == as_it_came and latest([]) is None
    amended = amend(USAGE, as_it_came, TWO, None)
    assert amended is not None and (amended.was, amended.now, amended.log_offset) == (as_it_came, TWO, 7)
    assert stands_of(USAGE, after(amended)) == TWO
    voided = void(USAGE, TWO, "wrong")
    assert voided is not None and (voided.was, voided.reason) == (TWO, "wrong")
    corrections = after(amended, voided)
    assert stands_of(USAGE, corrections) is None and latest(corrections) == corrections[-1]


def test_what_holds_already_is_no_fact() -> None:
    assert void(USAGE, None, "again") is None
    assert amend(USAGE, TWO, UsageFields(measure={"n": Decimal("2.0")}), None) is None


def test_what_is_voided_stays_so() -> None:
    with pytest.raises(UsageIsVoided, match="usage u of source /s is voided, and stays so"):
        amend(USAGE, None, TWO, None)


def test_fields_are_the_meters_each_in_the_map_of_its_category() -> None:
    given: dict[str, dict[str, Any] | None]
    given = {"measure": {"n": Decimal(1)}, "cost": {"paid": Decimal(3)}, "who": {"user": "y"}, "what": None}
    fields = fields_of(METER, given)
    assert (fields.measure, fields.who) == ({"n": 1, "paid": 3}, {"user": "y"})
    wrong: dict[str, dict[str, Any]]
    for wrong in ({"measure": {"paid": 1}}, {"who": {"n": "x"}}, {"what": {"none": "x"}}):
        with pytest.raises(InvalidField, match="is no field of meter m in this map"):
            fields_of(METER, wrong)
