"""Bills as m3ter's wire shows them: issued, previewed and unbilled ones in one shape."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Context, Decimal
from typing import Any

from events.absent import only_given
from events.actors import shown
from events.decimals import EXACT
from events.facts.bills import BillIssued, BillLine
from events.resources.base import moment_text
from events.zones import time_zone
from projections.aggregates import segment_values
from projections.resources import Resources
from projections.settlement import Family, unpriced
from services.commands.bill_rules import is_locked

#: Names of the resources in lines: id -> {"code": ..., "name": ...}.
Names = Mapping[str, Mapping[str, str]]
#: A large amount divided into billionths of a unit has more digits than Python's default of 28.
_WIDE = Context(prec=EXACT.prec)


@dataclass(frozen=True, slots=True)
class Stamps:
    """A bill's history on the wire. `approved_at` None: it is pending."""

    version: int
    opened_at: datetime | None
    approved_at: datetime | None
    locked_at: datetime | None
    calculated_at: datetime
    #: Actors of the facts.
    created_by: str | None
    approved_by: str | None
    locked_by: str | None
    modified_by: str | None
    #: The organization's lock date: bills issued for this date or earlier are locked.
    lock_date: date | None = None


def bill_document(bill: BillIssued, names: Names, stamps: Stamps | None, *, lines: bool = True) -> dict[str, Any]:
    """A bill with its lines. Without stamps it is a preview, which has no history."""
    document: dict[str, Any] = {
        "accountId": bill.account_id,
        "accountCode": names.get(bill.account_id, {}).get("code"),
        "startDate": bill.start_date.isoformat(),
        "endDate": bill.end_date.isoformat(),
        "startDateTimeUTC": instant(bill.start_date, bill.timezone),
        "endDateTimeUTC": instant(bill.end_date, bill.timezone),
        "billDate": bill.bill_date.isoformat(),
        "dueDate": bill.due_date.isoformat(),
        "externalInvoiceDate": (bill.external_invoice_date or bill.bill_date).isoformat(),
        "billingFrequency": bill.billing_frequency,
        "billFrequencyInterval": bill.bill_frequency_interval,
        "timezone": bill.timezone,
        "currency": bill.currency,
        "billTotal": bill.total,
        "currencyConversions": [],
    }
    if lines:
        document["lineItems"] = [line_document(line, bill, names, previewed=stamps is None) for line in bill.lines]
    if stamps is not None:
        document |= _life(bill, stamps)
    return only_given(document)


def _life(bill: BillIssued, stamps: Stamps) -> dict[str, Any]:
    approved, locked = stamps.approved_at, stamps.locked_at
    created = stamps.opened_at or approved
    return {
        "id": bill.bill_id,
        "version": stamps.version,
        "status": "APPROVED" if approved else "PENDING",
        "locked": locked is not None or (approved is not None and is_locked(bill.bill_date, stamps.lock_date)),
        "billJobId": bill.bill_job_id,
        "sequentialInvoiceNumber": bill.sequential_invoice_number,
        "createdDate": _text(created),
        "lastCalculatedDate": _text(approved or stamps.calculated_at),
        "dtApproved": _text(approved),
        "approvedBy": shown(stamps.approved_by) if approved else None,
        "dtLocked": _text(locked),
        "lockedBy": shown(stamps.locked_by) if locked else None,
        "createdBy": shown(stamps.created_by),
        "dtCreated": _text(created),
        "dtLastModified": _text(locked or approved or created),
        "lastModifiedBy": shown(stamps.modified_by),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)


def line_document(line: BillLine, bill: BillIssued, names: Names, *, previewed: bool = False) -> dict[str, Any]:
    """One line. `subtotal` is the amount; `quantity` is raw usage, `units` the priced units.

    `billId` is an extension in m3ter's style; a previewed line is on no bill, and has none.
    """
    product = names.get(line.product_id or "", {})
    accounting = names.get(line.accounting_product_id or "", {})
    child = line.account_id if line.account_id != bill.account_id else None
    document: dict[str, Any] = {
        "id": line.id,
        "billId": None if previewed else bill.bill_id,
        "sequenceNumber": line.number,
        "lineItemType": line.type,
        "description": line.description,
        "quantity": line.quantity,
        "units": line.units,
        "unit": line.unit,
        "subtotal": line.amount,
        "averageUnitPrice": average(line.amount, line.units),
        "currency": bill.currency,
        "conversionRate": Decimal(1),
        "convertedSubtotal": line.amount,
        "servicePeriodStartDate": instant(line.period_start, bill.timezone),
        "servicePeriodEndDate": instant(line.period_end, bill.timezone),
        "trueUp": line.true_up or None,
        "chargeType": line.charge_type,
        "segment": segment_values(line.segment) or None,
        "productId": line.product_id,
        "productName": product.get("name"),
        "productCode": product.get("code"),
        "accountingProductId": line.accounting_product_id,
        "accountingProductName": accounting.get("name"),
        "accountingProductCode": accounting.get("code"),
        "planId": line.plan_id,
        "planGroupId": line.plan_group_id,
        "pricingId": line.pricing_id,
        "chargeId": line.charge_id,
        "aggregationId": line.aggregation_id,
        "compoundAggregationId": line.compound_aggregation_id,
        "counterId": line.counter_id,
        "meterId": line.meter_id,
        "contractId": line.contract_id,
        "commitmentId": line.commitment_id,
        "balanceId": line.balance_id,
        "childAccountId": child,
        "childAccountCode": names.get(child or "", {}).get("code"),
    }
    return only_given(document)


def unpriced_documents(family: Family, resources: Resources, account_id: str) -> list[dict[str, Any]]:
    """The account's unpriced usage (rules 3.8), from its first day to after its last one."""
    documents = []
    for unpriced_usage in unpriced(family.terms, family.totals):
        if unpriced_usage.account_id != account_id:
            continue
        document: dict[str, Any] = {"accountId": account_id, "aggregationId": unpriced_usage.aggregation_id}
        aggregation = resources.aggregations.get(unpriced_usage.aggregation_id)
        if aggregation is not None:
            document["meterId"] = aggregation.body.meter_id
            document["quantity"] = unpriced_usage.quantity(aggregation.body, family.totals)
        if unpriced_usage.segment:
            document["segment"] = segment_values(unpriced_usage.segment)
        document |= {"from": unpriced_usage.start.isoformat(), "to": unpriced_usage.end.isoformat()}
        documents.append(document)
    return documents


def names_in(resources: Resources, ids: Iterable[str]) -> Names:
    """Codes and names of accounts and products with these ids in the given resources, which may be those of a
    moment.
    """
    named = ((id, resources.accounts.get(id) or resources.products.get(id)) for id in ids)
    return {id: {"code": entity.body.code, "name": entity.body.name} for id, entity in named if entity is not None}


def average(amount: Decimal, units: Decimal) -> Decimal:
    """Amount per unit to six places; 0 where there are no units. For people: no money is derived from it."""
    return _WIDE.quantize(_WIDE.divide(amount, units), Decimal("0.000001")) if units else Decimal(0)


def instant(day: date, timezone: str) -> str:
    """The first instant of a day in a zone, as UTC."""
    return moment_text(datetime.combine(day, time.min, time_zone(timezone)))


def referred_ids(bills: Sequence[BillIssued]) -> list[str]:
    """Ids whose codes and names appear in the documents of these bills."""
    ids: set[str | None] = set()
    for bill in bills:
        ids.add(bill.account_id)
        for line in bill.lines:
            ids |= {line.account_id, line.product_id, line.accounting_product_id}
    return sorted(id for id in ids if id)
