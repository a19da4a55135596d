"""On the real stack: what automatic rules did, bills ahead of their period's end and top-ups up to their bound, is the
same after all is rebuilt from the log, is proved by the audit to the cent, and is derived by whoever verifies it.
"""

from typing import Any

import pytest

from services.audit.audit import audit
from services.projection.replay import replay
from services.proof.exporting import export_bill
from services.proof.verifying import verify
from tests.automation.test_acting import Automatic
from tests.insight.conftest import Played
from tests.insight.test_stack_proof import SIGNER, a_quarter_hour_ends, until_signed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Ruled(Automatic):
    """A customer whose prepayment of 100 is refilled by 30 once a month, and who is billed above 50."""

    async def play(self) -> None:
        """Two bills on the way, one top-up and one that is over its bound; then all that may come after a bill."""
        await self.begin()
        refill = {"commitmentId": self.commitment, "threshold": 20, "amount": 30, "maxTimes": 1}
        await self.automatic("automatictopups", code="refill", **refill)
        await self.automatic("thresholdbillings", code="fifty", threshold=50)
        await self.use(90)  # 10 are left, and 40 after the refill
        await self.acts(1)
        await self.use(100)  # of 190 in all 130 are paid for
        await self.acts(3)
        await self.use(70)
        *_, last = await self.acts(4)
        assert last["amount"] == 70
        await self.do("POST", "usage/void", {"account": "acme", "id": "u-3", "reason": "was never used"})
        await self.use(5)
        await self.do("POST", "clock", {"now": "2026-02-01T12:00:00Z"})
        await self.acts(5)  # another month, another refill: it does not pay for what was used before
        [rest] = await self.bills_of("2026-01-31")
        assert await self.totals() == [60, 70, -65]
        for bill in (rest, last["billId"]):
            await self.do("DELETE", f"bills/{bill}")
        await self.bills_of("2026-01-31")

    async def totals(self) -> list[Any]:
        """Of the bills that stand, oldest first."""
        bills = (await self.do("GET", "bills"))["data"]
        return [bill["billTotal"] for bill in reversed(bills)]

    async def shown(self) -> dict[str, Any]:
        """All that is shown of it."""
        bills = (await self.do("GET", "bills"))["data"]
        paths = ["automaticacts", f"commitments/{self.commitment}", f"accounts/{self.account}/unbilled"]
        return {path: await self.do("GET", path) for path in [*paths, *(f"bills/{bill['id']}" for bill in bills)]}


async def test_what_rules_did_is_rebuilt_audited_and_verified(played: Played) -> None:
    customer = Ruled(played.system)
    await customer.play()
    await played.settled()
    assert await customer.totals() == [60, 5], "195 were used, and 130 of it was paid for ahead"
    told = [(act["action"], act["outcome"], act.get("amount")) for act in await customer.acts(5)]
    assert sorted(told, key=str) == [
        *(("BILL", "DONE", 60), ("BILL", "DONE", 70)),
        *(("TOP_UP", "DONE", 30), ("TOP_UP", "DONE", 30), ("TOP_UP", "REFUSED", None)),
    ]

    before = await customer.shown()
    await replay(played.postgres, played.cluster)
    await played.settled()
    assert await customer.shown() == before
    report = await audit(played.postgres, played.cluster)
    assert report.passed, report.difference
    assert report.last_line().endswith("live == replay, unexplained 0.00")

    await a_quarter_hour_ends(played)
    await until_signed(played)
    for bill in [path.removeprefix("bills/") for path in before if path.startswith("bills/")]:
        verdict = verify(await export_bill(played.postgres, played.cluster, customer.organization, bill), SIGNER.key)
        assert verdict.wrong == [] and any(line.startswith("OK       line ") for line in verdict.lines)
    assert len(await customer.acts(5)) == 5, "nothing was done anew"
