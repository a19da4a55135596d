"""`make screenshots`: each page of the console, light, dark and on a phone, as pictures in `build/screenshots`."""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from services.run.settings import load_settings
from tests.api_client import TOKEN_SECRET
from tests.console.browsing import PHONE, WIDE, running_chromium, signed_in
from tests.console.story import Office, open_office
from tests.system.running import running_system

FOLDER = Path("build/screenshots")
#: A sheet without its margins, in the pixels of a stylesheet.
A4 = (680, 1000)
LOOKS = (("light", "light", WIDE), ("dark", "dark", WIDE), ("phone", "light", PHONE))


def pages(office: Office) -> dict[str, str]:
    """By the name of the picture, the page below the organization."""
    ids = office.ids
    bill, pending, acme = (f"/bills/{ids['bill-acme']}", f"/bills/{ids['pending']}", f"/accounts/{ids['acme']}")
    return {
        "overview": "",
        "accounts": "/accounts",
        "account": acme,
        "account-then": f"{acme}?asOf=2026-01-15",
        "account-hostile": f"/accounts/{ids['hostile']}",
        "account-yen": f"/accounts/{ids['kaisha']}",
        "account-empty": f"/accounts/{ids['idle']}",
        "commitment": f"/commitments/{ids['prepaid']}",
        "minimum": f"/commitments/{ids['minimum']}",
        "balance": f"/balances/{ids['balance']}",
        "bills": "/bills",
        "bill": bill,
        "bill-pending": pending,
        "bill-line": f"{bill}/lines/{ids['line']}",
        "approve": f"{pending}/approve",
        "recalculate": f"{pending}/recalculate",
        "memo": f"{pending}/memo?kind=credit",
        "what-if": f"{acme}/what-if?commitment={ids['prepaid']}&commitment.amount=1000"
        "&commitment.overageSurchargePercent=20",
        "what-if-refused": f"{acme}/what-if?plan={ids['plan-USD']}&plan.standingCharge=much&plan.minimumSpend=900",
        "automatic": f"{acme}/automatic/bill/{ids['above']}",
        "automatic-new": f"{acme}/automatic?kind=top-up",
        "automatic-sure": f"{acme}/automatic?kind=top-up&code=more&of={ids['prepaid']}"
        "&threshold=30&amount=50&maxTimes=4",
        "forget": f"{acme}/forget",
        "operations": "/operations",
        "alerts": "/alerts",
        "webhook": f"/alerts/webhooks/{ids['webhook']}",
        "delivery": f"/alerts/webhooks/{ids['webhook']}/deliveries/{ids['delivery']}",
        "refused-record": f"/operations/refused/{ids['refused']}",
        "conservation": "/operations/conservation",
        "held": "/operations/held",
        "exports": "/exports",
        "corrections": "/corrections",
        "correction": "/corrections/event?account=acme&id=a-2&source=%2Ftest",
        "corrections-matching": "/corrections/matching?accounts=acme&meter=api&source=%2Ftest"
        "&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z",
        "search": "/search?q=l",
        "not-found": "/accounts/none",
    }


async def take() -> None:
    """All of them, and the bill on paper. What is looked at is the story that the tests have."""
    os.environ["TRUEUP_TOKEN_SECRET"] = TOKEN_SECRET
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as home:
        async with running_system(load_settings(home=Path(home), partitions=2, api_port=0)) as (_, system):
            await take_of(await open_office(system, "office"))


async def take_of(office: Office) -> None:
    """Of this organization."""
    await office.look_up()
    async with running_chromium() as browser:
        for name, scheme, size in LOOKS:
            async with signed_in(browser, office, scheme=scheme, size=size) as context:
                page = await context.new_page()
                for title, path in pages(office).items():
                    await page.goto(office.base + path)
                    await page.screenshot(path=FOLDER / f"{title}-{name}.png", full_page=True)
        async with signed_in(browser, office) as context:
            page = await context.new_page()
            await page.goto(f"{office.base}/bills/{office.ids['bill-acme']}")
            await page.pdf(path=FOLDER / "bill.pdf", format="A4", prefer_css_page_size=True)
            await page.emulate_media(media="print")
            await page.set_viewport_size({"width": A4[0], "height": A4[1]})
            await page.screenshot(path=FOLDER / "bill-paper.png", full_page=True)


if __name__ == "__main__":
    asyncio.run(take())
