"""How a bill line reads: its descriptions and references, as `BillLine` names them."""

from typing import Any

from events.facts.bills import LineType
from projections.settlement.billed import LineKey
from projections.settlement.lines import DueLine


def wording_of(key: LineKey, due: DueLine) -> dict[str, Any]:
    """How a line reads: its names, descriptions and references, as the period now is."""
    wording: dict[str, Any] = {
        "type": key.type,
        "account_id": key.owner_id,
        "period_start": key.start,
        "period_end": due.end,
    }
    if due.charge is not None:
        wording |= _charge_wording(key, due)
    if due.fee is not None:
        wording |= {
            "description": due.fee.fee_description,
            "commitment_id": key.agreement_id,
            "contract_id": due.fee.fund.contract_id,
            "accounting_product_id": due.fee.fee_accounting_product_id,
        }
    if due.minimum is not None:
        wording |= {
            "description": due.minimum.description,
            "commitment_id": key.agreement_id,
            "true_up": True,
            "contract_id": due.minimum.contract_id,
            "accounting_product_id": due.minimum.accounting_product_id,
        }
    return wording


def _charge_wording(key: LineKey, due: DueLine) -> dict[str, Any]:
    charge, fund = due.charge, due.fund
    assert charge is not None
    wording: dict[str, Any] = {
        "description": charge.description,
        "product_id": charge.plan.product_id,
        "plan_id": charge.plan.plan_id,
        "account_plan_id": charge.plan.id,
        "contract_id": charge.plan.contract_id,
        "pricing_id": charge.key.pricing_id or None,
        "aggregation_id": charge.aggregation_id,
        "counter_id": charge.counter_id,
        "meter_id": charge.meter_id,
        "segment": charge.segment,
        "accounting_product_id": charge.accounting_product_id,
        "unit": charge.unit,
    }
    if fund is not None:
        wording["commitment_id" if fund.kind == "PREPAYMENT" else "balance_id"] = fund.id
        wording["description"] = _fund_description(
            key.type, charge.description, fund.usage_description, fund.overage_description
        )
        wording["unit"] = charge.unit if key.type == "OVERAGE_USAGE" else ""
        if key.type in ("COMMITMENT_CONSUMED", "BALANCE_CONSUMED"):
            wording["accounting_product_id"] = fund.accounting_product_id
    return wording


def _fund_description(line_type: LineType, charge: str, usage: str, overage: str) -> str:
    match line_type:
        case "OVERAGE_SURCHARGE":
            return overage or f"{charge} Overage Surcharge"
        case "OVERAGE_USAGE":
            return overage or f"{charge} Overage"
        case _:
            return usage
