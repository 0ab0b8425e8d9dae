"""The volume rule: the sum of volumes is the day's rise, whatever Schwab revises or repeats."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from feed import volume
from feed.volume import Mark

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True, print_blob=True)
NEW_YORK = ZoneInfo("America/New_York")
DAY = date(2025, 11, 20)


def at(clock: str, day: date = DAY) -> int:
    return round(datetime.combine(day, time.fromisoformat(clock), NEW_YORK).timestamp() * 1_000_000)


def test_the_first_tick_of_a_day_counts_its_own_size() -> None:
    assert volume.advance(None, DAY, 162_750, 10, at("10:00"))[0] == 10
    yesterday = Mark(DAY - timedelta(days=1), 5_000_000, at("16:00", DAY - timedelta(days=1)))
    assert volume.advance(yesterday, DAY, 5_000_100, 100, at("04:00")) == (100, Mark(DAY, 5_000_100, at("04:00")))


def test_a_rise_counts_and_a_revision_does_not() -> None:
    mark = Mark(DAY, 1000, at("10:00"))
    assert volume.advance(mark, DAY, 1300, 5, at("10:01")) == (300, Mark(DAY, 1300, at("10:01")))
    assert volume.advance(mark, DAY, 990, 5, at("10:01")) == (0, mark)
    assert volume.advance(mark, DAY, 0, 5, at("10:01")) == (0, mark), "a drop during the day is never a reset"


def test_the_reset_before_the_open_starts_a_new_count() -> None:
    premarket = Mark(DAY, 5_000_000, at("07:20"))
    assert volume.advance(premarket, DAY, 800, 100, at("07:29")) == (800, Mark(DAY, 800, at("07:29")))
    assert volume.advance(premarket, DAY, 800, 100, at("09:00"))[0] == 800, "a thin ticker trades again later"
    assert volume.advance(premarket, DAY, 800, 100, at("07:20"))[0] == 0, "too early for the reset"
    assert volume.advance(premarket, DAY, 4_999_000, 100, at("07:29"))[0] == 0, "a revision across the reset's time"
    afterwards = Mark(DAY, 5_000_000, at("07:36"))
    assert volume.advance(afterwards, DAY, 800, 100, at("07:37"))[0] == 0, "it was zeroed already"


def test_a_counter_seen_at_zero_makes_the_next_trade_count_in_full() -> None:
    yesterday = Mark(DAY - timedelta(days=1), 5_000_000, at("19:59", DAY - timedelta(days=1)))
    zeroed = volume.observe(yesterday, DAY, 0, at("07:28"))
    assert volume.advance(zeroed, DAY, 700, 100, at("08:00"))[0] == 700
    assert volume.observe(yesterday, DAY, 900, at("07:28")) == yesterday, "it may hold trades before the recording"
    assert volume.observe(yesterday, DAY, 0, at("03:00")) == yesterday, "not at that hour"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(0, 10_000)),
        st.tuples(st.just("revision"), st.integers(1, 400)),
        st.tuples(st.just("repeat"), st.just(0)),
    ),
    max_size=60,
)


@PROPERTY
@given(first_total=st.integers(1000, 10_000_000), first_size=st.integers(1, 1000), steps=STEPS)
def test_the_volumes_sum_to_the_rise_of_the_day(
    first_total: int, first_size: int, steps: list[tuple[str, int]]
) -> None:
    total = highest = first_total
    shares, mark = volume.advance(None, DAY, total, first_size, at("10:00"))
    counted = shares
    for number, (kind, amount) in enumerate(steps):
        total += amount if kind == "trade" else -min(amount, total // 3) if kind == "revision" else 0
        highest = max(highest, total)
        shares, mark = volume.advance(mark, DAY, total, 1, at("10:00") + number)
        assert shares >= 0
        counted += shares
    assert counted == highest - first_total + first_size
    assert mark.total == highest
