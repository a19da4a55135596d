"""A real browser: Debian's Chromium, driven by Playwright, which brings none of its own here."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.console.story import Office

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE, PHONE = (1280, 860), (390, 800)


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """The browser. As root it has no sandbox of its own, and it looks at our pages only."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def signed_in(
    browser: Browser, office: Office, key: str = "all", *, scheme: str = "light", size: tuple[int, int] = WIDE
) -> AsyncIterator[BrowserContext]:
    """A window of somebody who has signed in with one of the office's keys."""
    context = await browser.new_context(
        base_url=office.url,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": size[0], "height": size[1]},
        locale="en-US",
        timezone_id="UTC",
    )
    context.set_default_timeout(30_000)
    try:
        page = await context.new_page()
        await page.goto("/console/")
        id, secret = office.keys[key]
        await page.get_by_label("Access key id").fill(id)
        await page.get_by_label("API secret").fill(secret)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"**{office.base}")
        yield context
    finally:
        await context.close()


async def has_no_fault(page: Page, *rules: str) -> None:
    """As axe-core has it: contrast, names, order of headings, tables, regions; or by these rules alone."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found: list[dict[str, Any]] = (await Axe().run(page, options=options)).response["violations"]
    told = [
        f"{violation['id']}: {node['target']} {node['html'][:150]}"
        for violation in found
        for node in violation["nodes"]
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)
