"""The console in a real browser: a story told by clicks, its numbers compared, and no fault that axe-core finds."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from services.postgres import connected
from services.postgres.locks import Lock
from tests.console.answers import noting
from tests.console.browsing import CHROMIUM, PHONE, WIDE, has_no_fault, running_chromium, signed_in
from tests.console.pictures import pages
from tests.console.story import Office

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="session", autouse=True)
def chromium() -> None:
    """Before anything is started. tests/conftest.py says in one line how many are skipped."""
    if CHROMIUM is None:
        pytest.skip("no Chromium for tests of the console in a browser: `apt-get install chromium`, or Chrome")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def context(office: Office) -> AsyncIterator[BrowserContext]:
    async with running_chromium() as browser, signed_in(browser, office) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A window; whatever the browser complains of, as of a script that its policy forbids, fails the test."""
    complaints: list[str] = []
    opened = await context.new_page()
    opened.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await opened.close()
    assert not complaints


async def numbers(page: Page, selector: str) -> list[Decimal]:
    """The exact numbers that are shown in there."""
    values = await page.eval_on_selector_all(f"{selector} data", "found => found.map(data => data.value)")
    return [Decimal(value) for value in values]


async def test_a_pending_bill_is_looked_at_and_approved(office: Office, page: Page) -> None:
    id = await office.opened_bill()
    for path in ("/console/sign-in", f"{office.base}/accounts"):
        await page.goto(path)
        await has_no_fault(page)
    await page.get_by_role("link", name="Bills", exact=True).click()
    await page.get_by_role("link", name="Pending approval").click()
    await has_no_fault(page)
    await page.locator(f'a[href$="/bills/{id}"]').click()
    bill = await office.api.exact(f"bills/{id}")
    assert await numbers(page, "#total") == await numbers(page, "tfoot") == [bill["billTotal"]]
    await has_no_fault(page)
    await page.get_by_role("link", name="Standing Charge").click()
    [line] = bill["lineItems"]
    assert (await numbers(page, "h1")) == [line["subtotal"]]
    await page.get_by_text("Inputs").click()
    await has_no_fault(page)
    await page.go_back()
    await page.get_by_role("link", name="Approve…").click()
    await has_no_fault(page)
    await page.get_by_role("button", name="Approve $10.00").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Bill")
    await expect(page.locator(".status").first).to_have_text("Approved")
    assert (await office.api.do("GET", f"bills/{id}"))["status"] == "APPROVED"


async def test_an_account_is_looked_at_and_asked_what_if(office: Office, page: Page) -> None:
    await page.goto(office.base)
    await has_no_fault(page)
    await page.get_by_label("Account, commitment, balance or bill").fill("acme")
    await page.get_by_role("button", name="Search").click()
    held = await office.api.exact(f"commitments/{office.ids['prepaid']}")
    assert (await numbers(page, "#commitments"))[-2:] == [held["amountSpent"], held["amountRemaining"]]
    await has_no_fault(page)
    await page.locator("#commitments").get_by_role("link", name="prepaid").click()
    told = await office.api.exact(f"commitments/{held['id']}/balance")
    assert (await numbers(page, "#standing"))[-1] == told["remaining"]
    await page.get_by_text("As a table").first.click()
    await has_no_fault(page)
    await page.get_by_role("link", name="What if?").click()
    await page.get_by_label("Amount", exact=True).fill("1000")
    await page.get_by_role("button", name="Compare").click()
    body = {"accountId": office.ids["acme"], "commitments": [
        (await office.api.do("GET", f"commitments/{held['id']}")) | {"amount": 1000}]}  # fmt: skip
    [bill] = (await office.api.do("POST", "bills/whatif", body))["bills"]
    assert (await numbers(page, "#answer tfoot"))[-1] == Decimal(str(bill["difference"])) != 0
    await has_no_fault(page)


async def test_the_sliders_are_moved_by_keys_and_the_page_follows(office: Office, page: Page) -> None:
    id = office.ids["acme"]
    await page.goto(f"{office.base}/accounts/{id}")
    await page.evaluate("window.loadedOnce = true")
    slider, field = page.get_by_label("Service day", exact=True), page.get_by_label("Service day, exactly")
    await slider.focus()
    for _ in range(3):
        await page.keyboard.press("ArrowLeft")
    await expect(field).to_have_value("2026-02-26")
    assert await slider.get_attribute("aria-valuetext") == "2026-02-26"
    await page.wait_for_url("**?asOf=2026-02-26")
    said = page.locator("#time-says")
    await expect(said).to_contain_text("Not now")
    snapshot = await office.api.exact(f"accounts/{id}/snapshot", asOf="2026-02-26")
    [held] = snapshot["commitments"]
    assert (await numbers(page, "#commitments"))[-2:] == [held["amountSpent"], held["amountRemaining"]]
    await expect(slider).to_be_focused()
    await has_no_fault(page)
    await field.fill("2026-01-15")
    await expect(slider).to_have_value("20468")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**?asOf=2026-01-15")
    await page.get_by_label("Known at", exact=True).focus()
    await page.keyboard.press("Home")
    await page.wait_for_url("**?asOf=2026-01-15&knownAt=*")
    await page.get_by_role("button", name="Now", exact=True).click()
    await page.wait_for_url("**?asOf=2026-01-15")
    await page.get_by_role("button", name="Today").click()
    await expect(said).not_to_contain_text("Not now")
    assert await page.evaluate("window.loadedOnce"), "all of it without loading the page again"
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await expect(slider).to_be_hidden()
    await page.locator("summary", has_text="Look at another day").click()
    await expect(slider).to_be_visible()


async def test_refused_usage_is_sent_again_once_its_cause_is_mended(office: Office, page: Page) -> None:
    fields = [{"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}]
    await office.api.create("meters", code="later", name="Later", dataFields=fields, derivedFields=[])
    await page.goto(f"{office.base}/operations")
    await has_no_fault(page)
    refused = await office.api.do("GET", "usage/rejected", reason="unknown-meter")
    assert refused["counts"] == {"unknown-meter": 2}
    row = page.get_by_role("row").filter(has_text="Unknown meter").first
    await row.get_by_role("button", name="Send these again").click()
    await expect(page.get_by_role("status").first).to_contain_text("2 refused records sent again")
    async with asyncio.timeout(60):
        while (await office.api.do("GET", "usage/rejected", reason="unknown-meter"))["data"]:
            await asyncio.sleep(0.2)


async def test_a_job_that_is_not_done_is_cancelled(office: Office, page: Page) -> None:
    """No process gets to carry it out: the test has what whoever does must have."""
    async with connected(office.system.endpoints.database_url) as connection:
        made = await connection.fetchval("SELECT coalesce(max(sequence), 0) FROM store.bill_jobs")
        for number in range(made + 1, made + 10):
            await connection.execute("SELECT pg_advisory_lock($1, $2)", Lock.BILL_JOB, number)
        job = await office.api.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
        await page.goto(f"{office.base}/operations")
        row = page.locator("#jobs").get_by_role("row").nth(1)
        await expect(row.locator(".status")).to_have_text("Pending")
        await has_no_fault(page)
        await row.get_by_role("button", name="Cancel").click()
        await expect(row.locator(".status")).to_have_text("Cancelled")
        await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        assert (await office.api.do("GET", f"billjobs/{job['id']}"))["status"] == "CANCELLED"


async def test_a_page_shows_what_moved_without_being_loaded_again(office: Office, page: Page) -> None:
    await page.goto(f"{office.base}/accounts/{office.ids['idle']}")
    await page.evaluate("window.loadedOnce = true")
    year = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
    async with asyncio.timeout(120):
        while not await page.get_by_role("link", name="seen-").count():
            code = f"seen-{await page.evaluate('Date.now()')}"
            await office.api.create(
                "commitments", accountId=office.ids["idle"], amount=7, currency="USD", code=code, **year
            )
            await asyncio.sleep(6)
    assert await page.evaluate("window.loadedOnce")
    assert "Updated" in await page.locator("#news").inner_text()


async def test_every_page_is_the_apis_on_any_width_and_in_the_dark(office: Office, context: BrowserContext) -> None:
    """One walk: each number and day is one that the API says, nothing is wider than a phone, and axe finds nothing."""
    await office.look_up()
    page = await context.new_page()
    strange = dict[str, list[str]]()
    async with noting(office, context) as noted:
        for name, path in pages(office).items():
            noted.answers.clear()
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            await page.goto(office.base + path)
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE[0], f"{name} is {wide} wide on a phone"
            await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            await has_no_fault(page)
            await page.emulate_media(color_scheme="light")
            await page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
            if shown := await noted.strangers(page):
                strange[name] = shown
        assert not strange and noted.compared > 500
    await page.close()


@pytest.mark.long
async def test_every_page_is_read_in_the_light_as_well(office: Office, context: BrowserContext) -> None:
    """Its contrast; tests/console/test_contrast.py holds that of the colours themselves in both lights."""
    await office.look_up()
    page = await context.new_page()
    await page.emulate_media(color_scheme="light")
    for path in pages(office).values():
        await page.goto(office.base + path)
        await has_no_fault(page, "color-contrast")
    await page.close()


async def test_all_is_reached_and_seen_by_keyboard(office: Office, page: Page) -> None:
    """Of the page with most to reach: first comes the way past the frame, then everything in its order."""
    await page.goto(f"{office.base}/operations")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    reachable = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"
    every = await page.evaluate(
        f"[...document.querySelectorAll({reachable!r})].filter(one => one.checkVisibility()).length"
    )
    seen = "(one => [one.outerHTML, getComputedStyle(one).outlineStyle, one.getBoundingClientRect().width > 0])"
    reached = []
    for _ in range(every):
        reached.append(tuple(await page.evaluate(f"{seen}(document.activeElement)")))
        await page.keyboard.press("Tab")
    assert len(reached) == every > 10
    assert not [html for html, outline, has_place in reached if outline == "none" or not has_place]
    assert await page.evaluate("document.activeElement === document.body"), "as many as can be seen, and no more"
    busy = await page.evaluate(
        "(button => { button.form.dispatchEvent(new SubmitEvent('submit', {bubbles: true, submitter: button}));"
        " return button.ariaBusy })(document.querySelector('.search button'))"
    )
    assert busy == "true", "what is on its way is said"
    await skip.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.getElementById('main').contains(document.activeElement)")
