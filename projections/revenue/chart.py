"""A chart of accounts: which accounts of a ledger the journal of bills moves (rules 13.6)."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from events.resources.bounds import TABLE, items

Ledger = Annotated[str, Field(min_length=1, max_length=100)]
_ByName = Annotated[dict[Annotated[str, Field(max_length=100)], Ledger], items(TABLE)]


class Chart(BaseModel):
    """Accounts of the ledger by what they are for; what is not said is as here. Two may be the same account."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    #: What customers owe by their bills.
    receivables: Ledger = "1200"
    #: What is earned and not on a bill yet: an asset.
    contract_asset: Ledger = "1250"
    #: What is billed and not earned yet, of fees over time: a liability.
    deferred_revenue: Ledger = "2400"
    #: What customers have paid ahead for commitments and balances, and not drawn yet: a liability.
    prepayments: Ledger = "2410"
    #: What is left of a prepayment that can be drawn no more.
    breakage: Ledger = "4900"
    #: What was drawn of commitments and balances and never on a bill: paid elsewhere, or given.
    unbilled_credit: Ledger = "4950"
    #: What is earned, of whatever is not named by one of the next two.
    revenue: Ledger = "4000"
    #: The same by the code of a line's accounting product, and by its type: the former before the latter.
    revenue_by_product: _ByName = Field(default_factory=dict)
    revenue_by_type: _ByName = Field(default_factory=dict)

    def revenue_of(self, product_code: str | None, line_type: str) -> str:
        """The account that the revenue of a line goes to."""
        by_type = self.revenue_by_type.get(line_type, self.revenue)
        return self.revenue_by_product.get(product_code or "", by_type)
