"""The table of closures is the `holidays` package's, to the day; outside its years the package is asked."""

from datetime import date

import pytest

from market import closures


@pytest.mark.parametrize("category", ["public", "half_day"])
def test_the_table_agrees_with_the_package(category: closures.Category) -> None:
    packaged = {
        day
        for year in range(closures.FIRST_YEAR, closures.LAST_YEAR + 1)
        for day in closures.from_package(category, year)
        if day.year == year
    }
    assert closures.days(category) == packaged, "print it anew with `python -m market.closures`"


def test_days_outside_the_table_are_known_too() -> None:
    assert closures.has("public", date(1999, 12, 24))
    assert closures.has("public", date(2050, 11, 24))
    assert not closures.has("public", date(2050, 11, 23))
