"""Bills as m3ter's wire shows them (api.md C3): issued, previewed and unbilled ones in one shape."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from events.facts.bills import BillIssued, BillLine

#: Names of what lines refer to: id -> {"code": ..., "name": ...}.
Names = Mapping[str, Mapping[str, str]]


def bill_document(
    bill: BillIssued, names: Names, *, issued_at: datetime | None, locked: bool = False, voided: bool = False
) -> dict[str, Any]:
    """A bill with its lines. `issued_at` None: it is a preview, which has neither life nor stamps."""
    document: dict[str, Any] = {
        "accountId": bill.account_id,
        "accountCode": names.get(bill.account_id, {}).get("code"),
        "startDate": bill.start_date.isoformat(),
        "endDate": bill.end_date.isoformat(),
        "startDateTimeUTC": instant(bill.start_date, bill.timezone),
        "endDateTimeUTC": instant(bill.end_date, bill.timezone),
        "billDate": bill.bill_date.isoformat(),
        "dueDate": bill.due_date.isoformat(),
        "billingFrequency": bill.billing_frequency,
        "billFrequencyInterval": bill.bill_frequency_interval,
        "timezone": bill.timezone,
        "currency": bill.currency,
        "billTotal": bill.total,
        "currencyConversions": [],
        "lineItems": [line_document(line, bill, names) for line in bill.lines],
    }
    if issued_at is not None:
        stamp = issued_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        document |= {
            "id": bill.bill_id,
            "version": 2 if locked else 1,
            "status": "APPROVED",
            "locked": locked,
            "voided": voided or None,
            "billJobId": bill.bill_job_id,
            "sequentialInvoiceNumber": bill.sequential_invoice_number,
            "createdDate": stamp,
            "lastCalculatedDate": stamp,
            "dtApproved": stamp,
        }
    return {key: value for key, value in document.items() if value is not None}


def line_document(line: BillLine, bill: BillIssued, names: Names) -> dict[str, Any]:
    """One line. `subtotal` is the amount; `quantity` is raw usage, `units` what was priced."""
    product = names.get(line.product_id or "", {})
    accounting = names.get(line.accounting_product_id or "", {})
    child = line.account_id if line.account_id != bill.account_id else None
    document: dict[str, Any] = {
        "id": line.id,
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
        "productId": line.product_id,
        "productName": product.get("name"),
        "productCode": product.get("code"),
        "accountingProductId": line.accounting_product_id,
        "accountingProductName": accounting.get("name"),
        "accountingProductCode": accounting.get("code"),
        "planId": line.plan_id,
        "pricingId": line.pricing_id,
        "aggregationId": line.aggregation_id,
        "counterId": line.counter_id,
        "meterId": line.meter_id,
        "contractId": line.contract_id,
        "commitmentId": line.commitment_id,
        "balanceId": line.balance_id,
        "childAccountId": child,
        "childAccountCode": names.get(child or "", {}).get("code"),
    }
    return {key: value for key, value in document.items() if value is not None}


def average(amount: Decimal, units: Decimal) -> Decimal:
    """Amount per unit to six places; 0 where there are no units. For people: no money is derived from it."""
    return (amount / units).quantize(Decimal("0.000001")) if units else Decimal(0)


def instant(day: date, timezone: str) -> str:
    """The first instant of a day in a zone, as UTC."""
    start = datetime.combine(day, time.min, ZoneInfo(timezone))
    return start.astimezone(UTC).isoformat().replace("+00:00", "Z")


def referred_ids(bills: Sequence[BillIssued]) -> list[str]:
    """Ids whose codes and names the documents of these bills show."""
    found: set[str | None] = set()
    for bill in bills:
        found.add(bill.account_id)
        for line in bill.lines:
            found |= {line.account_id, line.product_id, line.accounting_product_id}
    return sorted(id for id in found if id)
