"""A real browser: Debian's Chromium, driven by Playwright, which brings none of its own here."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, async_playwright

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
