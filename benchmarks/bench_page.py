"""The live page: first price on screen, smoothness with a full day and 100 ticks a second, CPU per tick and viewer."""

import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from playwright.async_api import Browser, async_playwright, expect

from benchmarks import measure
from eventlog.events import Event
from tests.servers import chromium
from tests.web import recorder
from tests.web.recorder import Recorder

FEED_PAUSE_SECONDS = 0.05
DAY_MINUTES = 960
ROUNDS = 5
SMOOTH_ROUNDS = 3
SMOOTH_SECONDS = 6.0
CPU_SECONDS = 4.0
VIEWERS = (0, 1, 21)

FIRST_PRICE = measure.Goal(of="figure", bound="most", value=1000.0)
LONGEST_TASK = measure.Goal(of="figure", bound="most", value=50.0)
PER_VIEWER = measure.Goal(of="figure", bound="most", value=5.0)

WATCH = """
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration)))
        .observe({ entryTypes: ["longtask"] });
    window.frames60 = 0;
    const count = () => { window.frames60 += 1; requestAnimationFrame(count); };
    requestAnimationFrame(count);
    const look = () => {
        if (/[0-9]/.test(document.querySelector("#price")?.textContent ?? "")) window.firstPriceMs = performance.now();
        else setTimeout(look, 5);
    };
    look();
"""


def results() -> Iterator[measure.Result]:
    """Three questions, each on a record of its own."""
    first_ms, longest_ms, frames = asyncio.run(_in_browser())
    yield measure.figure("first price on screen, full day", "ms", first_ms, FIRST_PRICE)
    note = "0 where no task took 50 ms; headless Chromium without a GPU, on the same cores as the service"
    yield measure.figure("longest task, full day and 100 ticks a second", "ms", longest_ms, LONGEST_TASK, note)
    yield measure.figure("frames drawn meanwhile", "a second", frames)
    for rate in (100, 1000):
        shared, each = asyncio.run(_cpu(rate))
        note = "vitals, and one read, join and encoding for all viewers; paid only while somebody watches"
        yield measure.figure(f"CPU for the first viewer, {rate} ticks a second", "us a tick", [shared], None, note)
        yield measure.figure(f"CPU for each further viewer, {rate} ticks a second", "us a tick", [each], PER_VIEWER)


@contextlib.asynccontextmanager
async def _recorder_with_a_day() -> AsyncIterator[Recorder]:
    with tempfile.TemporaryDirectory() as folder:
        async with recorder.recording(Path(folder)) as made:
            until_us = time.time_ns() // 1000
            since_us = until_us - DAY_MINUTES * recorder.MINUTE_US
            day = list(recorder.walk("QQQ", since_us, until_us, 3_000_000, 600.0))
            for start in range(0, len(day), 5000):
                await made.record(day[start : start + 5000])
            yield made


async def _feed(made: Recorder, rate: int) -> None:
    """`rate` ticks a second until cancelled."""
    price = 600.0
    while True:
        await asyncio.sleep(FEED_PAUSE_SECONDS)
        now_us = time.time_ns() // 1000
        count = int(rate * FEED_PAUSE_SECONDS)
        batch: list[Event] = [recorder.tick("QQQ", now_us + n, price + n / 100) for n in range(count)]
        await made.record(batch)


@contextlib.asynccontextmanager
async def _fed(made: Recorder, rate: int = 100) -> AsyncIterator[None]:
    task = asyncio.create_task(_feed(made, rate))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _in_browser() -> tuple[list[float], list[float], list[float]]:
    async with _recorder_with_a_day() as made, _fed(made), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=chromium.FLAGS)
        await _first_price_ms(browser, made.url)
        first = [await _first_price_ms(browser, made.url) for _ in range(ROUNDS)]
        smooth = [await _smoothness(browser, made.url) for _ in range(SMOOTH_ROUNDS)]
        await browser.close()
        return first, [longest for longest, _ in smooth], [frames for _, frames in smooth]


async def _first_price_ms(browser: Browser, url: str) -> float:
    """From the start of the navigation, in a context that has nothing in its cache."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.goto(url)
    await expect(page.locator("#price")).to_have_text(re.compile("[0-9]"))
    await asyncio.sleep(0.1)  # the page looks every 5 ms
    found = await page.evaluate("window.firstPriceMs")
    await context.close()
    return float(found)


async def _smoothness(browser: Browser, url: str) -> tuple[float, float]:
    """The longest task in ms and the frames a second, once the page has settled, with the whole day in view."""
    context = await browser.new_context(viewport=chromium.DESKTOP)
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.goto(url)
    await page.click("#zoom-day")
    await asyncio.sleep(2)
    await page.evaluate("window.longTasks = []; window.frames60 = 0")
    await asyncio.sleep(SMOOTH_SECONDS)
    longest, frames = await page.evaluate("[Math.max(0, ...window.longTasks), window.frames60]")
    await context.close()
    return float(longest), frames / SMOOTH_SECONDS


async def _cpu(rate: int) -> tuple[float, float]:
    """CPU in us per tick for the first viewer, and for each further one."""
    used = {}
    async with _recorder_with_a_day() as made, _fed(made, rate):
        for count in VIEWERS:
            async with _watched(made.url, count):
                await asyncio.sleep(1)
                began, began_seq = time.process_time(), made.service.context.log.head
                await asyncio.sleep(CPU_SECONDS)
                ticks = made.service.context.log.head - began_seq
                used[count] = (time.process_time() - began) * 1e6 / ticks
    none, one, many = (used[count] for count in VIEWERS)
    return one - none, (many - one) / (VIEWERS[2] - VIEWERS[1])


@contextlib.asynccontextmanager
async def _watched(url: str, count: int) -> AsyncIterator[None]:
    if count == 0:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.page_viewers", url, "QQQ", str(count), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.wait()
