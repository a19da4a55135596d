"""Every call of m3ter's client, with every argument that it takes, is one that the OpenAPI document knows."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.official_calls import ORGANIZATION, Call, every_module, official_calls
from tests.api.schemas import OPERATIONS_BELOW, operation_of, resolved

MODULES = (
    *("accounts", "account_plans", "contracts", "commitments", "balances", "balances.transactions"),
    *("balances.charge_schedules", "balances.transaction_schedules"),
    *("bills", "bills.line_items", "bills.credit_line_items", "bills.debit_line_items", "bill_jobs"),
    *("organization_config", "counters", "counter_adjustments", "counter_pricings", "meters", "aggregations"),
    *("compound_aggregations", "plan_groups", "plan_group_links"),
    *("plans", "plan_templates", "pricings", "products", "charges", "events", "bill_config"),
    *("usage.query", "usage.submit", "usage.get_failed_ingest_download_url"),
    *("currencies", "credit_reasons", "debit_reasons", "transaction_types", "notification_configurations"),
    *("statements.create_csv", "statements.get_csv", "statements.get_json"),
    *("data_exports.create_adhoc", "data_exports.jobs"),
)
#: Taken beside every body; where nothing is replaced, it is not read.
EVERYWHERE = {"version"}
#: Members of bodies that are refused by name, instead of being accepted and ignored.
REFUSED = {
    "aggregations": {"customSql"},
    # Usage is exported by day, as it is added up.
    "data_exports": {"aggregations", "dimensionFilters", "groups"},
}


def members(call: Call) -> set[str]:
    """What the call's body may have by the document."""
    operation = known(call)
    if "requestBody" not in operation:
        return set()
    return set(resolved(operation["requestBody"]["content"]["application/json"]["schema"])["properties"])


def known(call: Call) -> dict[str, Any]:
    operation = operation_of(call.method, call.path.replace(f"/{ORGANIZATION}/", "/organization/"))
    assert operation is not None, f"{call.name}: {call.method} {call.path}"
    return operation


@pytest.mark.parametrize("module", MODULES)
def test_the_calls_of_a_module_are_known_with_all_that_they_send(module: str) -> None:
    for call in official_calls(module):
        parameters = {
            parameter["name"] for parameter in known(call).get("parameters", ()) if parameter["in"] == "query"
        }
        assert call.query <= parameters, call.name
        refused = REFUSED.get(call.name.partition(".")[0], set()) if call.body else set()
        assert call.body - members(call) - EVERYWHERE == refused, call.name


def test_what_of_the_client_does_not_answer_is_named_in_the_limits() -> None:
    modules = every_module()
    assert len(modules) > 50
    served = {path.removeprefix("/organizations/{orgId}/").partition("/")[0] for _, path in OPERATIONS_BELOW}
    unanswered: set[str] = set()
    for call in official_calls(*modules):
        if operation_of(call.method, call.path.replace(f"/{ORGANIZATION}/", "/organization/")) is None:
            below = call.path.removeprefix(f"/organizations/{ORGANIZATION}/")
            first = below.partition("/")[0]
            unanswered.add(below.replace("/x", "/{id}") if first in served else first)
    limits = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
    [told] = re.findall(r"^- \*\*These paths of m3ter do not answer\*\*.*?(?=^- )", limits, re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", told)) == unanswered


def test_the_client_has_as_many_calls_as_are_looked_at() -> None:
    assert len(official_calls(*MODULES)) > 100
