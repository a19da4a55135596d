"""The catalog: products, meters, aggregations and formulas over them (rules 3.19), plan templates, plans and pricings,
as clients send them.
"""

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from events.decimals import NonNegative, Number, Positive
from events.resources.base import Code, Description, Id, Model, Moment, Name, Resource, check_one_of
from events.resources.bounds import TABLE, CurrencyCode, Int64, Text, UsageText, characters, items

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY"]
AggregationFunction = Literal["SUM", "MIN", "MAX", "COUNT", "LATEST", "MEAN", "UNIQUE"]
Rounding = Literal["UP", "DOWN", "NEAREST", "NONE"]
NumberCategory = Literal["MEASURE", "INCOME", "COST"]
FieldCategory = Literal["WHO", "WHERE", "WHAT", "OTHER", "METADATA", NumberCategory]
#: Categories of a meter's numeric fields; fields of all other categories are texts.
NUMBERS: tuple[FieldCategory, ...] = get_args(NumberCategory)
PricingType = Literal["DEBIT", "PRODUCT_CREDIT", "GLOBAL_CREDIT"]
Interval = Annotated[int, Field(ge=1, le=365)]
Offset = Annotated[int, Field(ge=0, le=364)]
#: Most fields of a meter.
FIELDS_MAX = 15
#: Values of text fields, by field code.
Segment = Annotated[dict[Text, UsageText], items(FIELDS_MAX)]


class Product(Resource):
    """A product for sale; charges and commitments refer to it."""

    code: Code
    name: Name


class DataField(Model):
    """A field of a meter: a number (MEASURE, INCOME, COST) or a text (the other categories)."""

    code: Code
    name: Name | None = None
    category: FieldCategory
    unit: Text | None = None


class DerivedField(DataField):
    """A calculated field. Trueup stores its definition but does not calculate it."""

    #: A formula, not a label: m3ter states no bound for its length.
    calculation: Annotated[str, characters(2000)]


class Meter(Resource):
    """The shape of one kind of usage record."""

    references: ClassVar[dict[str, str]] = {"productId": "product"}

    code: Code
    name: Name
    product_id: Id | None = None
    group_id: Id | None = None
    data_fields: Annotated[tuple[DataField, ...], Field(min_length=1, max_length=FIELDS_MAX)]
    derived_fields: Annotated[tuple[DerivedField, ...], Field(max_length=FIELDS_MAX)] = ()

    @model_validator(mode="after")
    def _field_codes_differ(self) -> Self:
        codes = [field.code for field in (*self.data_fields, *self.derived_fields)]
        if len(set(codes)) != len(codes):
            raise ValueError("dataFields: every field needs a code of its own")
        return self


class Aggregation(Resource):
    """How usage records of a meter become one quantity of a billing period."""

    references: ClassVar[dict[str, str]] = {"meterId": "meter", "accountingProductId": "product"}
    indexed_by: ClassVar[tuple[str, ...]] = ("code",)

    code: Code | None = None
    name: Name
    meter_id: Id
    target_field: Code
    aggregation: AggregationFunction
    rounding: Rounding
    quantity_per_unit: Positive
    unit: Text
    accounting_product_id: Id | None = None
    default_value: Number | None = None
    segmented_fields: Annotated[tuple[Code, ...], items(FIELDS_MAX)] = ()
    segments: Annotated[tuple[Segment, ...], items(TABLE)] = ()


class PlanTemplate(Resource):
    """The shared terms of one product's plans: currency, billing frequency, standing charge, minimum spend."""

    references: ClassVar[dict[str, str]] = {"productId": "product"}

    code: Code | None = None
    name: Name
    product_id: Id
    currency: Annotated[CurrencyCode, Field(min_length=3, max_length=3)]
    bill_frequency: Frequency
    bill_frequency_interval: Interval | None = None
    standing_charge: NonNegative
    standing_charge_interval: Interval | None = None
    standing_charge_offset: Offset | None = None
    standing_charge_bill_in_advance: bool | None = None
    standing_charge_description: Description | None = None
    minimum_spend: NonNegative | None = None
    minimum_spend_bill_in_advance: bool | None = None
    minimum_spend_description: Description | None = None
    ordinal: Int64 | None = None

    @property
    def bill_interval(self) -> int:
        """A billing period is so many days, weeks, months or years; one unless said otherwise."""
        return self.bill_frequency_interval or 1


class OwnCharges(Resource):
    """The charges of a plan itself, or of a plan group over several plans: standing charge and minimum spend."""

    standing_charge: NonNegative | None = None
    standing_charge_bill_in_advance: bool | None = None
    standing_charge_description: Description | None = None
    standing_charge_accounting_product_id: Id | None = None
    minimum_spend: NonNegative | None = None
    minimum_spend_bill_in_advance: bool | None = None
    minimum_spend_description: Description | None = None
    minimum_spend_accounting_product_id: Id | None = None


#: The references to other resources in `OwnCharges`.
ACCOUNTED = {"standingChargeAccountingProductId": "product", "minimumSpendAccountingProductId": "product"}


class Plan(OwnCharges):
    """A priced plan; fields that it leaves out come from its template."""

    references: ClassVar[dict[str, str]] = {"planTemplateId": "planTemplate", "accountId": "account", **ACCOUNTED}

    code: Code
    name: Name
    plan_template_id: Id
    account_id: Id | None = None
    bespoke: bool | None = None
    ordinal: Int64 | None = None


class PricingBand(Model):
    """Units above `lowerLimit`: a price per unit and a price for entering the band."""

    id: Text | None = None
    lower_limit: NonNegative
    fixed_price: NonNegative
    unit_price: NonNegative
    credit_type_id: Text | None = None


def _check_bands(bands: tuple[PricingBand, ...]) -> tuple[PricingBand, ...]:
    limits = [band.lower_limit for band in bands]
    if bands and min(limits) != 0:
        raise ValueError("the lowest band must have lowerLimit 0")
    if len(set(limits)) != len(limits):
        raise ValueError("every band needs a lowerLimit of its own")
    return tuple(sorted(bands, key=lambda band: band.lower_limit))


Bands = Annotated[tuple[PricingBand, ...], items(TABLE), AfterValidator(_check_bands)]


class Pricing(Resource):
    """Bands over an aggregation or compound aggregation, for one plan or for all plans of a template, from a day on."""

    references: ClassVar[dict[str, str]] = {
        "planId": "plan",
        "planTemplateId": "planTemplate",
        "aggregationId": "aggregation",
        "compoundAggregationId": "compoundAggregation",
        "accountingProductId": "product",
    }
    indexed_by: ClassVar[tuple[str, ...]] = ("plan_id", "plan_template_id")

    code: Code | None = None
    plan_id: Id | None = None
    plan_template_id: Id | None = None
    aggregation_id: Id | None = None
    compound_aggregation_id: Id | None = None
    segment: Segment | None = None
    start_date: Moment
    end_date: Moment | None = None
    pricing_bands: Annotated[Bands, Field(min_length=1)]
    overage_pricing_bands: Bands | None = None
    cumulative: bool = False
    tiers_span_plan: bool = False
    type: PricingType = "DEBIT"
    description: Description | None = None
    minimum_spend: NonNegative | None = None
    minimum_spend_bill_in_advance: bool | None = None
    minimum_spend_description: Description | None = None
    accounting_product_id: Id | None = None

    @property
    def priced_id(self) -> str:
        """Id of the priced aggregation or compound aggregation."""
        id = self.aggregation_id or self.compound_aggregation_id
        assert id is not None
        return id

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_one_of(aggregationId=self.aggregation_id, compoundAggregationId=self.compound_aggregation_id)
        if self.compound_aggregation_id is not None and self.segment:
            raise ValueError("segment: a compound aggregation has none")
        check_one_of(planId=self.plan_id, planTemplateId=self.plan_template_id)
        if self.overage_pricing_bands and not self.cumulative:
            raise ValueError("overagePricingBands: needs cumulative true")
        if self.overage_pricing_bands and self.tiers_span_plan:
            raise ValueError("overagePricingBands: cannot be used with tiersSpanPlan true")
        return self


#: A formula, not a label: m3ter states no bound for its length.
CALCULATION_MAX = 2000


class CompoundAggregation(Resource):
    """A formula over aggregations, written `aggregation.<code>`; its result is priced like an aggregation."""

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
