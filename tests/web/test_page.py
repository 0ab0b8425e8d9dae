"""The page in a real browser, on a record that the tests write by hand."""

from datetime import date, time, timedelta
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from market import calendar
from tests.servers import chromium
from tests.servers.chromium import opened
from tests.web import recorder
from tests.web.recorder import MINUTE_US, Recorder

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("chromium")]

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"


def now_us() -> int:
    return time_ns() // 1000


def day_start_us() -> int:
    """An hour ago, or midnight in New York when that is later."""
    today = calendar.session_of(calendar.trading_day(now_us()), "all")
    assert today is not None
    return max(today.open_us, now_us() - 60 * MINUTE_US)


async def fill(recording: Recorder, ticker: str = "QQQ", price: float = 600.0) -> None:
    """Today so far."""
    await recording.record(list(recorder.walk(ticker, day_start_us(), now_us() - 1_000_000, 5_000_000, price)))


async def price_shown(page: Page, price: str) -> None:
    await expect(page.locator("#price")).to_have_text(price)


async def bars_of(page: Page) -> list[Any]:
    """What is on the chart, in the shape of /api/bars."""
    rows: list[Any] = await page.evaluate(
        "ticktape.view.bars.minutes.filter((minute) => minute.open !== undefined).map((minute) =>"
        " ['tsUs', 'open', 'high', 'low', 'close', 'volume', 'sma9', 'vwap'].map((name) => minute[name]))"
    )
    return rows


async def bars_on_record(page: Page, day: str) -> list[Any]:
    answers = [
        await (await page.request.get(f"{page.url.split('#')[0]}api/{name}?ticker=QQQ&day={day}")).json()
        for name in ("bars", "indicators")
    ]
    bars, lines = (answer["rows"] for answer in answers)
    return [[*bar[:6], *line[1:]] for bar, line in zip(bars, lines, strict=True)]


async def test_history_then_live_ticks_are_the_record(browser: Browser, tmp_path: Path) -> None:
    async with recorder.recording(tmp_path) as recording:
        await fill(recording)
        async with opened(browser, recording.url, "desktop", color_scheme="light") as page:
            await expect(page.locator("#overall")).not_to_have_text("connecting")
            for price in (612.34, 611.5, 613.0625):
                await recording.record([recorder.tick("QQQ", now_us(), price)])
                await price_shown(page, f"{price:.2f}" if price != 613.0625 else "613.0625")
            day = calendar.trading_day(now_us()).isoformat()
            assert await bars_of(page) == await bars_on_record(page, day)
            assert "613.0625" in await page.locator('[data-ticker="QQQ"]').inner_text()


@pytest.mark.parametrize("has_stand_in", [False, True])
async def test_a_page_whose_server_was_away_has_no_hole(browser: Browser, tmp_path: Path, has_stand_in: bool) -> None:
    async with recorder.recording(tmp_path) as recording:
        await fill(recording)
        async with opened(browser, recording.url, "resumed") as page:
            await recording.record([recorder.tick("QQQ", now_us(), 612.34)])
            await price_shown(page, "612.34")
            async with recording.away(has_stand_in):
                for price in (613.0, 610.0, 611.0):
                    await recording.record([recorder.tick("QQQ", now_us(), price)])
                await expect(page.locator("#notice")).to_contain_text("No connection")
            await price_shown(page, "611.00")
            await expect(page.locator("#notice")).to_have_text("")
            day = calendar.trading_day(now_us()).isoformat()
            assert await bars_of(page) == await bars_on_record(page, day)


async def test_the_chart_turns_to_the_day_of_the_ticks(browser: Browser, tmp_path: Path) -> None:
    """A tape is played with the times it was recorded at, and a page may be open over midnight."""
    then = calendar.eastern_us(date(2012, 6, 21), time(9, 30))
    async with recorder.recording(tmp_path) as recording, opened(browser, recording.url, "tape") as page:
        await expect(page.locator("#empty")).to_contain_text("No tick recorded yet today")
        for second in range(3):
            await recording.record([recorder.tick("QQQ", then + second * 1_000_000, 585.5 + second)])
            await price_shown(page, f"{585.5 + second:.2f}")
        await expect(page.locator("#day option:checked")).to_have_text("2012-06-21 · live")
        assert await bars_of(page) == await bars_on_record(page, "2012-06-21")


async def test_a_gap_is_listed_hatched_and_explained_on_hover(browser: Browser, tmp_path: Path) -> None:
    async with recorder.recording(tmp_path) as recording:
        await fill(recording)
        async with opened(browser, recording.url, "gap", color_scheme="dark") as page:
            await page.click("#zoom-day")
            await expect(page.locator("#gaps-none")).to_be_visible()
            until_us = now_us() - 5 * MINUTE_US
            await recording.record([recorder.gap(until_us - 130_000_000, until_us, "socket closed 1011")])
            await expect(page.locator("#gaps tr")).to_contain_text("2 min 10 s")
            x = await page.evaluate(
                f"ticktape.chart.chart.timeScale().timeToCoordinate({(until_us - 60_000_000) // MINUTE_US * 60})"
            )
            frame = await page.locator("#chart").bounding_box()
            assert frame is not None
            await page.mouse.move(frame["x"] + x, frame["y"] + 100)
            await expect(page.locator("#gap-hint")).to_contain_text("gap of 2 min 10 s")
            await expect(page.locator("#gap-hint")).to_contain_text("socket closed 1011")
            assert await reddish_pixels(page, x) > 30


async def reddish_pixels(page: Page, x: float) -> int:
    """Pixels of the hatch's colour in a column strip at the top of the chart, where no candle is."""
    count: int = await page.evaluate(
        """(x) => {
            const canvas = document.querySelector("#chart canvas");
            const data = canvas.getContext("2d").getImageData(Math.round(x) - 6, 4, 12, 40).data;
            let count = 0;
            for (let i = 0; i < data.length; i += 4) if (data[i] > data[i + 2] + 25) count++;
            return count;
        }""",
        x,
    )
    return count


async def test_a_reload_restores_ticker_and_day(browser: Browser, tmp_path: Path) -> None:
    yesterday = calendar.session_of(calendar.trading_day(now_us()) - timedelta(days=1), "all")
    assert yesterday is not None
    async with recorder.recording(tmp_path) as recording:
        await fill(recording)
        noon = yesterday.open_us + 12 * 60 * MINUTE_US
        await recording.record([recorder.tick("SPY", noon, 655.25), recorder.tick("SPY", now_us(), 660.0)])
        async with opened(browser, recording.url, "reload") as page:
            await page.click('[data-ticker="SPY"]')
            await price_shown(page, "660.00")
            await page.select_option("#day", yesterday.day.isoformat())
            await price_shown(page, "655.25")
            await page.reload()
            await price_shown(page, "655.25")
            await expect(page.locator("#day")).to_have_value(yesterday.day.isoformat())
            await expect(page.locator('[data-ticker="SPY"]')).to_have_attribute("aria-selected", "true")
            await recording.record([recorder.tick("SPY", now_us(), 661.0)])
            await expect(page.locator('[data-ticker="SPY"]')).to_contain_text("661.00")
            await price_shown(page, "655.25")


async def test_tabs_move_by_arrow_keys_and_the_theme_by_its_button(browser: Browser, tmp_path: Path) -> None:
    async with recorder.recording(tmp_path) as recording:
        await fill(recording)
        async with opened(browser, recording.url, "keys", color_scheme="dark") as page:
            await page.focus('[data-ticker="QQQ"]')
            await page.keyboard.press("ArrowRight")
            await expect(page.locator('[data-ticker="SPY"]')).to_be_focused()
            await expect(page.locator("#empty")).to_contain_text("No tick recorded yet today")
            background = "getComputedStyle(document.body).backgroundColor"
            seen = [await page.evaluate(background)]
            for _ in range(2):
                await page.click("#theme")
                seen.append(await page.evaluate(background))
            assert seen[0] == seen[1] != seen[2]
            await page.reload()
            assert await page.evaluate(background) == seen[2]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_everybody_can_use_it(browser: Browser, tmp_path: Path, scheme: Any, size: str) -> None:
    viewport = {"desktop": chromium.DESKTOP, "phone": chromium.PHONE}[size]
    async with recorder.recording(tmp_path, options_0dte=True) as recording:
        await fill(recording)
        today = calendar.trading_day(now_us()).isoformat()
        hole = recorder.gap(day_start_us(), day_start_us() + 9 * MINUTE_US, "half-open socket: no frame for 30 s")
        await recording.record([hole, *recorder.chain("QQQ", now_us(), 600.0, today)])
        name = f"{size}-{scheme}"
        async with opened(
            browser, recording.url, name, viewport, color_scheme=scheme, has_touch=size == "phone"
        ) as page:
            await expect(page.locator("#chain tr")).to_have_count(10)
            await expect(page.locator('.check[data-level="warning"]')).not_to_have_count(0)
            width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert width[0] <= width[1]
            await page.evaluate(AXE.read_text())
            found = await page.evaluate("axe.run()")
            assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


async def test_a_page_without_anything_on_record_says_so(browser: Browser, tmp_path: Path) -> None:
    async with recorder.recording(tmp_path) as recording, opened(browser, recording.url, "empty") as page:
        await expect(page.locator("#empty")).to_contain_text("No tick recorded yet today")
        await recording.record([recorder.tick("QQQ", now_us(), 600.25)])
        await price_shown(page, "600.25")
        await expect(page.locator("#empty")).to_be_hidden()


async def test_the_pages_new_york_days_are_the_calendars(browser: Browser, tmp_path: Path) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(366)]
    async with recorder.recording(tmp_path) as recording, opened(browser, recording.url, "days") as page:
        found = await page.evaluate(
            """async (days) => {
                const { dayBounds, easternUs, dayOf } = await import("/js/time.js");
                return days.map((day) => {
                    const { startUs, endUs } = dayBounds(day);
                    return [startUs, endUs, easternUs(day, 9, 30), dayOf(startUs), dayOf(endUs - 1)];
                });
            }""",
            [day.isoformat() for day in days],
        )
    for day, row in zip(days, found, strict=True):
        whole = calendar.session_of(day, "all")
        assert whole is not None
        half_past_nine = calendar.eastern_us(day, time(9, 30))
        assert row == [whole.open_us, whole.close_us, half_past_nine, day.isoformat(), day.isoformat()]


async def test_a_duration_is_rounded_before_it_is_taken_apart(browser: Browser, tmp_path: Path) -> None:
    seconds = [0.04, 9.94, 9.96, 59.4, 59.7, 119.7, 130.0, 3599.4, 3599.6, 7800.0]
    async with recorder.recording(tmp_path) as recording, opened(browser, recording.url, "durations") as page:
        found = await page.evaluate(
            """async (seconds) => {
                const { duration } = await import("/js/time.js");
                return seconds.map((each) => duration(each * 1e6));
            }""",
            seconds,
        )
    assert found == [
        "0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "2 min 0 s", "2 min 10 s", "59 min 59 s", "1 h 0 min",
        "2 h 10 min",
    ]  # fmt: skip
