"""What CONTRIBUTING.md says about adding an indicator, done to the letter."""

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from indicators import check, kernels, query, registry
from indicators.definition import Definition
from indicators.projection import Projection
from indicators.replay import no_progress
from tests.eventlog.ticks import trade_of
from tests.indicators import worlds
from tests.indicators.test_kernels import columns, updated

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kernel and the line of registration of the guide, as if they stood in their files."""
    section = CONTRIBUTING.read_text().split("## Add an indicator")[1].split("\n## ")[0]
    kernel, line = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = types.ModuleType("documented")
    monkeypatch.setitem(sys.modules, "documented", module)
    names = module.__dict__
    names.update(vars(kernels) | {"__name__": "documented"})
    exec(re.sub(r"^   ", "", kernel, flags=re.MULTILINE), names)
    documented = types.SimpleNamespace(**names)
    for name, indicator in eval("{" + line + "}", {"Indicator": registry.Indicator, "kernels": documented}).items():
        monkeypatch.setitem(registry.INDICATORS, name, indicator)
        yield name


async def test_the_documented_indicator_becomes_a_column(tmp_path: Path, added: str) -> None:
    log = await worlds.memory_log(worlds.tape())
    async with worlds.opened_state(tmp_path / "state.db") as state:
        registered = registry.INDICATORS.pop(added)
        await worlds.projected(log, state, Definition())
        before = await worlds.stored(state)
        registry.INDICATORS[added] = registered

        projection = Projection(log, state, Definition())
        await projection.start()
        await projection.fold_once()
        values = await worlds.column(state, added)
        shown = await state.run(lambda raw: query.rows(raw, "AAPL", 0, 2**62, 1))
        report = await check.check(log, state, no_progress)
        after = await worlds.stored(state)
    prices = [trade_of(event).price for event in worlds.tape()]
    assert values == [None] * 10 + [price - prices[i] for i, price in enumerate(prices[10:])]
    assert shown[0].values[added] == values[-1]
    assert report.agrees
    assert [row[0] for row in after["indicators"]] == [row[0] for row in before["indicators"]]


def test_the_documented_kernel_resumes_from_its_state(added: str) -> None:
    indicator = registry.INDICATORS[added]
    ticks = columns(worlds.tape())
    whole, first = indicator.make(registry.Parameters(0, 0)), indicator.make(registry.Parameters(0, 0))
    expected = updated(whole, ticks)
    given = first.fold(ticks.part(0, 33))
    given += indicator.kernel.from_state(first.state()).fold(ticks.part(33, 159))
    assert given == expected


def test_naming_it_ships_it(added: str) -> None:
    assert Definition(names=(added,)).shipped == ("sma9", "vwap", added)
    assert Definition.from_stored(Definition(names=(added,)).stored()) == Definition(names=(added,))
