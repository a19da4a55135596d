"""What every resource of the wire shares: camelCase names, frozen values, absent stays absent.

A resource model is the *body* that a client sends. It is validated here field by field; checks that need other
resources (does the account exist, may this still change) stand in `services/commands`.
"""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from pydantic.alias_generators import to_camel

from events.absent import only_given
from events.dates import instant_text, read_day, read_moment
from events.resources.bounds import JOINERS, MANY, TEXT_MAX, UNSEEN, Text, characters, items, rule

Id = Annotated[str, Field(min_length=36, max_length=36)]
Name = Annotated[
    str,
    Field(min_length=1),
    characters(TEXT_MAX),
    rule(lambda value: UNSEEN.search(value) is None, "must have no control or invisible characters"),
]
Description = Annotated[str, Field(max_length=200)]
CODE_MAX = 80


def is_plain(code: str) -> bool:
    """Whether a code has only visible characters, and no white space at its edges."""
    return code == code.strip() and UNSEEN.search(code) is None and JOINERS.isdisjoint(code)


Code = Annotated[
    str,
    Field(min_length=1, max_length=CODE_MAX),
    rule(is_plain, "must have no control or invisible characters and no white space at its edges"),
]


def moment_text(value: date | datetime) -> str:
    """The moment as text: `2026-01-01` for a day, `2026-01-01T00:00:00Z` for an instant."""
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat()


Day = Annotated[date, BeforeValidator(read_day)]
Moment = Annotated[date | datetime, BeforeValidator(read_moment), PlainSerializer(moment_text, when_used="json")]


def _check_custom(value: str | int | float) -> bool:
    return len(value) <= TEXT_MAX if isinstance(value, str) else isinstance(value, float) or abs(value) < 2**63


CustomValue = Annotated[
    str | int | float, rule(_check_custom, f"must be a text of at most {TEXT_MAX} characters or a number of 64 bits")
]


def _given(data: Any) -> Any:
    return only_given(data) if isinstance(data, dict) else data


class Model(BaseModel):
    """A frozen value of the wire. An explicit null counts as absent, an unknown field is an error that names it."""

    # Built on first use: with the facts there are 200 models, and most processes use few of them.
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )

    #: Attributes with personal texts; for an attribute that holds another such value, the attributes within that value.
    personal: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return _given(data)


class Resource(Model):
    """A body with the fields that every m3ter entity takes. `version` is compared on update and never stored."""

    #: Attributes that name the plans or plan groups by which its account owes something; () if none does, and it owes
    #: or may draw all the same. None: no account owes or draws anything because it has one.
    billed_by: ClassVar[tuple[str, ...] | None] = None
    #: Fields of a reference to another resource: wire name -> kind. Used by the decider's existence checks.
    references: ClassVar[dict[str, str]] = {}
    #: Attributes through which an account, plan, template or formula finds the resources that belong to it.
    indexed_by: ClassVar[tuple[str, ...]] = ()

    custom_fields: Annotated[dict[Text, CustomValue], BeforeValidator(_given), items(MANY)] | None = None


def check_one_of(**given: object) -> None:
    """Check that exactly one of two members, by their names on the wire, is given. Raises: ValueError."""
    first, second = given
    if (given[first] is None) == (given[second] is None):
        raise ValueError(f"{first}: exactly one of {first} and {second} must be given")


def check_days(start: date, end: date) -> None:
    """Check that `[startDate, endDate)` does not end before it starts; it may be empty. Raises: ValueError."""
    if start > end:
        raise ValueError("endDate: must not be before startDate")
