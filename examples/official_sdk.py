"""m3ter's own Python SDK against Trueup: a product with a price, a customer with a prepayment, usage, a bill.

    python examples/official_sdk.py [ACCOUNT_CODE]

The account's code is `acme` unless another is given. The catalog is made once; run it again with another code for
another customer. The how-to pages in docs/ begin with what this makes.
"""

import sys
import time
from typing import Any

from connection import BASE_URL, ORGANIZATION, access_key
from m3ter import ConflictError, M3ter, NotFoundError, PermissionDeniedError

PATIENCE_SECONDS = 60
API_KEY, API_SECRET = access_key()
client = M3ter(api_key=API_KEY, api_secret=API_SECRET, org_id=ORGANIZATION, base_url=BASE_URL)


def configure() -> None:
    """An organization comes into being with its configuration."""
    try:
        client.organization_config.retrieve()
    except (NotFoundError, PermissionDeniedError):  # nobody has heard of it yet
        client.organization_config.update(
            timezone="UTC", currency="USD", days_before_bill_due=30,
            year_epoch="2026-01-01", month_epoch="2026-01-01", week_epoch="2026-01-05", day_epoch="2026-01-01",
        )  # fmt: skip


def ensure(kind: Any, code: str, **fields: Any) -> str:
    """The id of the entity with this code, which is made if there is none."""
    held = next((one for one in kind.list() if one.code == code), None)
    return str((held or kind.create(code=code, **fields)).id)


def catalog() -> str:
    """A plan on which a call costs 0.50; returns its id."""
    product = ensure(client.products, "api", name="API")
    calls: Any = {"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}
    meter = ensure(client.meters, "api", name="API gateway", product_id=product, data_fields=[calls], derived_fields=[])
    aggregation = ensure(
        client.aggregations, "calls", name="Calls", meter_id=meter, target_field="calls", aggregation="SUM",
        rounding="NONE", quantity_per_unit=1, unit="call",
    )  # fmt: skip
    template = ensure(
        client.plan_templates, "monthly", name="Monthly", product_id=product, currency="USD",
        bill_frequency="MONTHLY", standing_charge=0,
    )  # fmt: skip
    plan = ensure(client.plans, "api-monthly", name="API, monthly", plan_template_id=template)
    bands: Any = [{"lower_limit": 0, "fixed_price": 0, "unit_price": 0.5}]
    ensure(
        client.pricings, "per-call", plan_id=plan, aggregation_id=aggregation, start_date="2026-01-01",
        pricing_bands=bands,
    )  # fmt: skip
    return plan


def customer(code: str, plan: str) -> tuple[str, str]:
    """An account on the plan that has prepaid 100, and pays 10 % more for what goes beyond; ids of both."""
    try:
        account = client.accounts.create(code=code, name=code.capitalize(), email_address=f"billing@{code}.example").id
    except ConflictError:
        raise SystemExit(
            f"account {code} is in organization {ORGANIZATION} already: give another code, or in a new shell "
            "another organization: export M3TER_ORG_ID=..."
        ) from None
    client.account_plans.create(account_id=account, plan_id=plan, start_date="2026-01-01")
    prepayment = client.commitments.create(
        account_id=account, currency="USD", amount=100, amount_pre_paid=100, overage_surcharge_percent=10,
        start_date="2026-01-01", end_date="2027-01-01",
    )  # fmt: skip
    return account, prepayment.id


def use(code: str, calls: int) -> None:
    """Usage of January. The uid counts once: a client that retries cannot count twice."""
    when: Any = "2026-01-15T12:00:00Z"
    client.usage.submit(
        measurements=[{"uid": f"{code}-1", "account": code, "meter": "api", "ts": when, "measure": {"calls": calls}}]
    )


def until_spent(prepayment: str, amount: float) -> Any:
    """The prepayment once so much of it is spent: usage counts moments after it was taken."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (held := client.commitments.retrieve(prepayment)).amount_spent != amount:
        if time.monotonic() > deadline:
            raise SystemExit(f"spent are {held.amount_spent}, not {amount}: is GET {BASE_URL}/health all right?")
        time.sleep(0.1)
    return held


def billed(account: str) -> Any:
    """The account's bill for January, by a bill job. It waits by itself until all usage that is there counts."""
    job = client.bill_jobs.create(account_ids=[account], last_date_in_billing_period="2026-01-31")
    while job.status != "COMPLETE":
        time.sleep(0.1)
        job = client.bill_jobs.retrieve(job.id)
    [bill] = job.bill_ids or [sys.exit("nothing was due")]
    return client.bills.retrieve(bill)


def main() -> None:
    """The whole story, told on standard output."""
    code = sys.argv[1] if len(sys.argv) > 1 else "acme"
    configure()
    account, prepayment = customer(code, catalog())
    use(code, 150)
    held = until_spent(prepayment, 75.0)
    print(f"prepayment  {held.amount:10.2f}, spent {held.amount_spent:.2f}, remaining {held.amountRemaining:.2f}")
    bill = billed(account)
    print(f"bill        {bill.bill_total:10.2f}  of {bill.bill_date}, account {code} ({account})")
    for line in bill.line_items:
        print(f"            {line.subtotal:10.2f}  {line.line_item_type} {line.description}")


if __name__ == "__main__":
    main()
