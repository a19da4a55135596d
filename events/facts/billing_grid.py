"""The billing periods that a commitment was made with: a value inside its facts."""

from datetime import date

from pydantic import Field

from events.facts.base import FactModel
from events.resources.catalog import Frequency


class BillingGrid(FactModel):
    """Billing periods: a frequency times an interval, anchored in both directions at the epoch."""

    frequency: Frequency
    interval: int = Field(ge=1)
    epoch: date
