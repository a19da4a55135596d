"""Answers with the top-ups or fees that schedules of balances would give."""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, create_model

from events.resources.balances import BalanceTransactionSchedule
from services.api.balances import TRANSACTION
from services.api.shown import Shown, answer_of_kind
from services.commands.kind import Kind


class ScheduledCharge(Shown):
    """A fee of a schedule, in the form of m3ter's charges."""

    id: str
    account_id: str
    code: str
    name: str
    currency: str
    entity_type: Literal["BALANCE"]
    entity_id: str
    line_item_type: Literal["BALANCE_FEE"]
    schedule_id: str
    description: str
    amount: Decimal
    units: Decimal | None = None
    unit_price: Decimal | None = None
    contract_id: str | None = None
    accounting_product_id: str | None = None
    service_period_start_date: datetime
    service_period_end_date: datetime
    bill_date: date


@cache
def preview_of(kind: Kind) -> type[BaseModel]:
    """A schedule as it would be, with a page of what it would give."""
    given: Any = TRANSACTION if kind.model is BalanceTransactionSchedule else ScheduledCharge
    fields: dict[str, Any] = {"data": (tuple[given, ...], ...), "next_token": (str | None, None)}
    name = f"{kind.model.__name__}Preview"
    return create_model(name, __base__=(answer_of_kind(kind),), __doc__=preview_of.__doc__, **fields)
