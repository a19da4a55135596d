"""What every resource of the wire shares: camelCase names, frozen values, absent stays absent.

A resource model is the *body* that a client sends. It is validated here field by field; what needs other resources
(does the account exist, may this still change) is decided in `services/commitments`.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from pydantic.alias_generators import to_camel

from events.resources.bounds import MANY, TEXT_MAX, Text, items, rule

Id = Annotated[str, Field(min_length=36, max_length=36)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=200)]


def _check_code(value: str) -> str:
    if value != value.strip() or any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must have no control characters and no white space at its edges")
    return value


Code = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_check_code)]


#: No date of the wire lies outside: periods are walked one by one, and zone arithmetic fails near years 1 and 9999.
#: The last day is the exclusive end of what ends with 2199.
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 1, 1)


def check_bounds(day: date) -> date:
    """The day, if the wire takes it. Raises: ValueError."""
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"must be between {EARLIEST} and {LATEST}")
    return day


def _parse_day(value: Any) -> date:
    """A calendar day `YYYY-MM-DD`; a date-time counts only when it is exactly midnight."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        return check_bounds(value)
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("must be a date, YYYY-MM-DD") from error
    else:
        raise ValueError("must be a date, YYYY-MM-DD")
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise ValueError("must be a date, YYYY-MM-DD, without a time of day")
    return check_bounds(moment.date())


def _parse_moment(value: Any) -> date | datetime:
    """A day stays a day; a date-time becomes UTC (without an offset it is read as UTC)."""
    if isinstance(value, str) and len(value) > 10:
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("must be a date or an ISO-8601 date-time") from error
    if isinstance(value, datetime):
        check_bounds(value.date())
        moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        check_bounds(moment.date())
        return moment
    return _parse_day(value)


def moment_text(value: date | datetime) -> str:
    """The wire's text: `2026-01-01` for a day, `2026-01-01T00:00:00Z` for an instant."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


Day = Annotated[date, BeforeValidator(_parse_day)]
Moment = Annotated[date | datetime, BeforeValidator(_parse_moment), PlainSerializer(moment_text, when_used="json")]


def _check_custom(value: str | int | float) -> bool:
    return len(value) <= TEXT_MAX if isinstance(value, str) else isinstance(value, float) or abs(value) < 2**63


CustomValue = Annotated[
    str | int | float, rule(_check_custom, f"must be a text of at most {TEXT_MAX} characters or a number of 64 bits")
]


class Model(BaseModel):
    """A frozen value of the wire. An explicit null counts as absent, an unknown field is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class Resource(Model):
    """A body with the fields that every m3ter entity takes. `version` is compared on update and never stored."""

    #: Fields of a reference to another resource: wire name -> kind. Used by the decider's existence checks.
    references: ClassVar[dict[str, str]] = {}

    custom_fields: Annotated[dict[Text, CustomValue], items(MANY)] | None = None
