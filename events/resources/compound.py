"""Compound aggregations: a quantity that is calculated from the values of several aggregations (rules 3.19)."""

from typing import Annotated, ClassVar

from pydantic import Field

from events.decimals import Positive
from events.resources.base import Code, Id, Name, Resource
from events.resources.bounds import Text, characters
from events.resources.catalog import Rounding

#: A formula, not a label: m3ter says no bound.
CALCULATION_MAX = 2000


class CompoundAggregation(Resource):
    """A formula over aggregations, `aggregation.<code>`; what it makes of them is priced as an aggregation is."""

    references: ClassVar[dict[str, str]] = {"productId": "product", "accountingProductId": "product"}

    code: Code | None = None
    name: Name
    calculation: Annotated[str, Field(min_length=1), characters(CALCULATION_MAX)]
    rounding: Rounding
    quantity_per_unit: Positive
    unit: Text
    evaluate_null_aggregations: bool | None = None
    product_id: Id | None = None
    accounting_product_id: Id | None = None
