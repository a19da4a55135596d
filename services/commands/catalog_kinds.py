"""Rows of the table: products, meters, aggregations and prices."""

from events.resources.catalog import Aggregation, CompoundAggregation, Meter, Plan, PlanTemplate, Pricing, Product
from events.resources.counters import Counter, CounterPricing
from services.commands import filters as f
from services.commands.kind import BEGINS, InnerList, InStories, Kind, WhenNamed

#: Each after the kinds it refers to, in the order in which a story creates them; a plan may still name an account.
CATALOG_KINDS = (
    Kind("product", Product, (f.IDS, f.CODES), page_size_max=200, in_stories=InStories(made_when_named=WhenNamed())),
    Kind("meter", Meter, (f.IDS, f.CODES, f.one_of("productId"))),
    Kind(
        "aggregation",
        Aggregation,
        (f.IDS, f.CODES, f.PRODUCTS_OF_METER),
        rates=True,
        adds_up=True,
        in_stories=InStories({"rounding": "NONE", "quantityPerUnit": 1, "unit": "1", "aggregation": "SUM"}),
    ),
    Kind(
        "compoundAggregation",
        CompoundAggregation,
        (f.IDS, f.CODES, f.one_of("productId")),
        rates=True,
        in_stories=InStories({"rounding": "NONE", "quantityPerUnit": 1, "unit": "1"}),
    ),
    Kind(
        "planTemplate",
        PlanTemplate,
        (f.IDS, f.equals("productId")),
        rates=True,
        in_stories=InStories({"standingCharge": 0, "billFrequency": "MONTHLY"}),
        supposable=True,
    ),
    Kind(
        "plan",
        Plan,
        (f.IDS, f.names_one_of("accountId"), f.PRODUCT_OF_PLAN),
        rates=True,
        in_stories=InStories(inner=InnerList("pricings", "pricing", "plan"), made_beside="planTemplate"),
        supposable=True,
    ),
    Kind(
        "pricing",
        Pricing,
        (f.IDS, f.ACTIVE, f.equals("aggregationId"), f.equals("compoundAggregationId"), *f.PLAN_OR_TEMPLATE),
        rates=True,
        in_stories=BEGINS,
        supposable=True,
        ended_as="PRICINGS",
    ),
    Kind("counter", Counter, (f.IDS, f.CODES, f.one_of("productId")), rates=True, in_stories=InStories({"unit": "1"})),
    Kind(
        "counterPricing",
        CounterPricing,
        (f.IDS, f.ACTIVE, *f.PLAN_OR_TEMPLATE),
        rates=True,
        in_stories=BEGINS,
        ended_as="COUNTER_PRICINGS",
    ),
)
