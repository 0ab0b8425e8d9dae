"""Debian's Chromium without a screen, one per test process; tests that use it share the session's event loop."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "page"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1360, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A running browser with a profile of its own."""
    if not CHROMIUM.exists():  # noqa: ASYNC240
        pytest.skip(f"{CHROMIUM} is missing (Debian: apt install chromium): the page is not tested in a browser")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        await launched.close()


@contextlib.asynccontextmanager
async def opened(
    browser: Browser, url: str, name: str, viewport: ViewportSize | None = None, **options: Any
) -> AsyncIterator[Page]:
    """A page on `url`. At the end its screenshot is kept as `name`, and the console must have stayed free of errors."""
    context = await browser.new_context(viewport=viewport or DESKTOP, **options)
    context.set_default_timeout(15_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.extend(_complaint(message)))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(url)
        yield page
    except Exception as error:
        error.add_note(f"notice: {await page.locator('#notice').text_content()!r}; console: {complaints}")
        raise
    finally:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=viewport == PHONE)
        await context.close()
    assert complaints == []


def _complaint(message: ConsoleMessage) -> list[str]:
    # While a server is away, or has no Realtime, the browser itself reports the refused connection.
    is_network = any(part in message.text for part in ("net::ERR_", "WebSocket connection", "status of 503"))
    return [message.text] if message.type in ("error", "warning") and not is_network else []
