"""Fields, stories, arguments and usage take the same written dates, and each names the same day everywhere."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import services.api.app
from events.dates import (
    DAY_RULE,
    INSTANT_RULE,
    MOMENT_RULE,
    day_at_midnight,
    from_ms,
    in_ms,
    instant_of,
    instant_text,
    read_day,
)
from events.resources.accounts import AccountPlan
from events.resources.base import Model
from events.resources.bounds import FROM_CLIENT
from events.resources.commitments import Commitment
from services.billing.cli import bill
from services.ingest.instants import parse_instant
from services.simulate.story import parse_story
from services.simulate.yaml_lines import ScenarioError, decode_yaml
from tests.events.dates import FAR, FORMS

assert services.api.app, "imported for the bodies of its paths"
Read = Callable[[str], Any]


def models(base: type[Model] = Model) -> Iterator[type[Model]]:
    """Every body of the wire, and what it is made of."""
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def parts(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from parts(part) if not isinstance(part, list | str) else ()


def dated_fields(model: type[Model]) -> Iterator[tuple[str, Read, bool]]:
    """(name, how it reads a text, whether it takes any date-time) of every field that holds a day."""
    for name, field in model.model_fields.items():
        kinds = {date, datetime} & {part for part in parts(field.annotation) if isinstance(part, type)}
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, *field.metadata, "as in the model"])  # type: ignore[arg-type]

        def read(text: str, adapter: TypeAdapter[Any] = adapter) -> Any:
            return adapter.validate_python(text, context=FROM_CLIENT)

        if date in kinds:  # an instant alone names no day
            yield f"{model.__name__}.{name}", read, datetime in kinds


FIELDS = [field for model in models() for field in dated_fields(model)]


def refusal(read: Read, text: str) -> str:
    """The words in which a text is refused, without what stands around them."""
    with pytest.raises((ValueError, click.BadParameter, ScenarioError)) as refused:
        read(text)
    error = refused.value
    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    words = error.message if isinstance(error, click.BadParameter) else str(error)
    return words[words.index("must be") :]


def story(path: Path, step: str, form: str) -> Any:
    """The fields of a story's only step."""
    path.write_text(f"steps:\n  - {step % form}\n")
    return parse_story(decode_yaml(path.read_bytes())).steps[0].fields


def test_there_are_fields_of_both_sorts() -> None:
    assert {takes for _, _, takes in FIELDS} == {True, False} and len(FIELDS) > 40


@pytest.mark.parametrize("form", FORMS)
def test_a_field_takes_the_form_as_every_other_field(form: str) -> None:
    day, moment, _ = FORMS[form]
    for name, read, takes_moments in FIELDS:
        expected = moment if takes_moments else day
        if expected is None:
            assert refusal(read, form) == (MOMENT_RULE if takes_moments else DAY_RULE), name
        else:
            assert read(form) == expected and type(read(form)) is type(expected), name


@pytest.mark.parametrize("form", FAR)
def test_no_field_takes_a_day_out_of_bounds(form: str) -> None:
    for name, read, _ in FIELDS:
        assert refusal(read, form) == "must be between 1970-01-01 and 2200-01-01", name


@pytest.mark.parametrize("form", FORMS)
def test_an_argument_takes_the_form_as_a_field(form: str) -> None:
    through = next(parameter for parameter in bill.params if parameter.name == "through").type
    day = FORMS[form][0]
    if day is None:
        assert refusal(lambda text: through.convert(text, None, None), form) == DAY_RULE
    else:
        assert through.convert(form, None, None) == day


@pytest.mark.parametrize("form", [form for form in FORMS if "\n" not in form])
def test_a_story_takes_the_form_as_the_wire(form: str, tmp_path: Path) -> None:
    day, moment, instant = FORMS[form]
    usage = "usage: {account: a, meter: m, ts: '%s'}"
    until = "usage: {account: a, meter: m, ts: 1999-01-01T00:00:00Z, repeat: {every: 50w, until: '%s'}}"
    midnight = datetime.combine(moment, datetime.min.time(), UTC) if type(moment) is date else moment
    steps: list[tuple[str, Any, str, Callable[[Any], Any]]] = [
        ("bill: {date: '%s'}", day, DAY_RULE, lambda fields: fields["date"]),
        (usage, instant, INSTANT_RULE, lambda fields: fields["ts"]),
        (until, midnight, MOMENT_RULE, lambda fields: fields["repeat"][1]),
    ]
    for step, expected, rule, found in steps:
        told = partial(story, tmp_path / "story.yaml", step)
        if expected is None:
            assert refusal(told, form) == rule
        else:
            assert found(told(form)) == expected


@pytest.mark.parametrize("form", FORMS)
def test_usage_takes_the_form_as_every_other_instant(form: str) -> None:
    instant = FORMS[form][2]
    if instant is None:
        assert refusal(parse_instant, form) == INSTANT_RULE
    else:
        assert parse_instant(form)[0] == instant


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=OFFSETS), st.booleans())
def test_what_the_log_has_is_read_as_it_was_written(moment: datetime, whole: bool) -> None:
    """A fact holds what a body said in one spelling, whatever forms were taken when it was decided."""
    moment = moment.replace(microsecond=0) if whole else moment
    plan = AccountPlan(account_id="a" * 36, plan_id="p" * 36, start_date=moment, end_date=moment.date())
    kept = plan.model_dump_json(by_alias=True, exclude_unset=True)
    assert AccountPlan.model_validate_json(kept) == plan


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=OFFSETS))
def test_a_day_of_a_date_time_is_the_day_at_midnight_utc_or_none(moment: datetime) -> None:
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    written = midnight.astimezone(moment.tzinfo)
    assert read_day(written.isoformat()) == day_at_midnight(written) == midnight.date()
    assert day_at_midnight(written + timedelta(microseconds=1)) is None


def test_a_commitments_days_are_stored_as_days() -> None:
    at_midnight = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-12-31T19:00:00-05:00"}
    body = Commitment.model_validate({"accountId": "a" * 36, "amount": 1, "currency": "USD"} | at_midnight)
    kept = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert (kept["startDate"], kept["endDate"]) == ("2026-01-01", "2027-01-01")


def test_instants_are_spelled_in_utc_and_counted_in_whole_milliseconds() -> None:
    tokyo = datetime(2026, 1, 1, 0, 0, 1, 1999, tzinfo=timezone(timedelta(hours=9)))
    assert instant_text(tokyo) == "2025-12-31T15:00:01.001999Z" and instant_of(instant_text(tokyo)) == tokyo
    assert instant_text(from_ms(1_767_225_600_000)) == "2026-01-01T00:00:00Z"
    assert from_ms(in_ms(tokyo)) == tokyo.replace(microsecond=1000), "what is finer is cut"
    assert in_ms(datetime(1969, 12, 31, 23, 59, 59, 999_500, UTC)) == -1
