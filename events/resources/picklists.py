"""Picklists: lists of an organization's own that people pick from. Trueup keeps them; no amount follows from them."""

from typing import Annotated, Literal

from events.resources.base import Code, Name, Resource
from events.resources.bounds import between

RoundingMode = Literal["UP", "DOWN", "CEILING", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN", "UNNECESSARY"]


class Picked(Resource):
    """An entry of a picklist; one that is archived is not to be picked any more."""

    name: Name
    code: Code | None = None
    archived: bool | None = None


class Currency(Picked):
    """A currency. What an amount is rounded to follows from its code and the organization, not from this."""

    max_decimal_places: Annotated[int, between(0, 18)] | None = None
    rounding_mode: RoundingMode | None = None


class CreditReason(Picked):
    """Why a credit line item was put on a bill."""


class DebitReason(Picked):
    """Why a debit line item was put on a bill."""


class TransactionType(Picked):
    """What a balance's transaction was made for."""
