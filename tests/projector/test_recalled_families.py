"""A family is taken as it was loaded before exactly as long as nothing of the log or the catalog has come since."""

from datetime import UTC, datetime

import pytest

from services.readside import recalled
from services.readside.family_now import UnknownFamilyError, load_family
from services.readside.lately import LatelyUsed
from services.readside.recalled import recall_family
from tests.projector.conftest import Installation
from tests.projector.driving import project
from tests.projector.log import Log, days

pytestmark = pytest.mark.stack


async def test_a_family_is_loaded_anew_once_anything_came(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log("recalled", 2, generation="recalled")
    log.catalog()
    log.account("acme", prepaid="10")
    log.tick(datetime(2026, 2, 20, tzinfo=UTC))

    async def come() -> None:
        log.read()
        await log.append(installation.cluster)
        await project(installation)

    await come()
    first = await recall_family(installation.postgres, log.organization, log.id("acme"))
    assert await recall_family(installation.postgres, log.organization, log.id("acme")) is first
    log.usage("acme", "m", days(20)[0], tokens=100)
    await come()
    second = await recall_family(installation.postgres, log.organization, log.id("acme"))
    now = await load_family(installation.postgres, log.organization, log.id("acme"))
    assert second is not first and second.positions == now.positions
    assert second.family.totals == now.family.totals != first.family.totals
    log.aggregation("more", "m")
    log.price("more", "0.75")
    await come()
    third = await recall_family(installation.postgres, log.organization, log.id("acme"))
    now = await load_family(installation.postgres, log.organization, log.id("acme"))
    assert third is not second and third.positions == now.positions != second.positions
    assert third.resources.aggregations.keys() == now.resources.aggregations.keys()
    with pytest.raises(UnknownFamilyError):
        await recall_family(installation.postgres, log.organization, log.id("nobody"))
    monkeypatch.setattr(recalled, "ROWS_KEPT", 0)
    monkeypatch.setattr(recalled, "_kept", LatelyUsed(1))
    big = await recall_family(installation.postgres, log.organization, log.id("acme"))
    assert await recall_family(installation.postgres, log.organization, log.id("acme")) is not big, (
        "too large to be kept"
    )
