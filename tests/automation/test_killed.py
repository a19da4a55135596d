"""An alert is raised, a top-up paid in and a bill issued once an arming, each with its fact, wherever the API's process
is killed meanwhile."""

from typing import Any

import pytest

from events.resources.automation import ACTS
from events.resources.notifications import LEFT
from tests.automation.acted_once import act_once
from tests.killing import forks
from tests.store.kit import Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
RAISING, TOPPING_UP = "services/alerts/raising.py:_raise", "services/automation/topping_up.py:act,_decided"
BILLING_AHEAD = "services/automation/billing_ahead.py:act"
_FACTS = """
SELECT type, data->>'arming' AS arming, data->>'outcome' AS outcome, data->>'eventName' AS name FROM store.events
WHERE organization = $1 ORDER BY position
"""


async def facts(store: Store) -> list[Any]:
    async with store.postgres.connection() as connection:
        return list(await connection.fetch(_FACTS, store.organization))


async def test_an_act_stands_beside_what_it_did_and_nothing_is_done_twice(store: Store) -> None:
    account = await store.account("acme")
    commitment = await store.commitment(account)
    rule: dict[str, Any] = {"name": "N", "accountId": account, "currency": "USD", "threshold": 20}
    await store.create("automaticTopUp", code="refill", commitmentId=commitment, amount=1, maxAmount=1000, **rule)
    await store.create("thresholdBilling", code="above", **rule)
    told = {"name": "L", "description": "", "eventName": LEFT, "threshold": 20}
    await store.create("notificationConfiguration", code="left", **told)
    moment, left, is_over = 0, set[int](), False
    places, url = (RAISING, TOPPING_UP, BILLING_AHEAD), store.endpoints.database_url
    async with forks(act_once, url, store.organization, places=places, most_turns=1) as run:
        while not is_over:
            moment += 1
            is_over = await run(moment) is not None
            if is_over:
                await run(0, "again")
            found = await facts(store)
            acts = [row for row in found if row["type"] == "AutomaticRuleActed"]
            assert all(act["outcome"] == "DONE" for act in acts)
            topped_up, billed = ([act["arming"] for act in acts if act["name"] == name] for name in ACTS)
            alerts = [row["arming"] for row in found if row["type"] == "AlertRaised"]
            for armings in (topped_up, billed, alerts):
                assert len(armings) == len(set(armings)), "once an arming"
            done = [sum(row["type"] == name for row in found) for name in ("CommitmentToppedUp", "BillIssued")]
            assert done == [len(topped_up), len(billed)], "each with its fact"
            left.add(len(alerts) - len(topped_up))
    assert moment > 30, "it was killed at every line"
    assert left == {0, 1} and len(topped_up) > len(billed) > 0, "and in between"
